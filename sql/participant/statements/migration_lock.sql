-- One migration at a time, to the end of its transaction. Nobody else's number: "troth" in ASCII.
PREPARE troth_migration_lock AS
SELECT pg_advisory_xact_lock(500136113256);
