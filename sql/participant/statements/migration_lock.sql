-- One migration at a time, to the end of its transaction. Nobody else's number: "troth" in ASCII.
prepare troth_migration_lock as
select pg_advisory_xact_lock(500136113256);
