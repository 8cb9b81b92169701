-- The version of the schema troth_guard, which is there (schema_there.sql).
prepare troth_schema_version as
select coalesce(max(version), 0) from troth_guard.version;
