-- The version of the schema troth_guard, which is there (schema_there.sql).
PREPARE troth_schema_version AS
SELECT coalesce(max(version), 0) FROM troth_guard.version;
