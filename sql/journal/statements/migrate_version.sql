-- migrate_version: the highest that was applied.
prepare troth_migrate_version as
select coalesce(max(version), 0) from troth.migration;
