-- 1: this database has the schema troth_guard. 0: it has not.
PREPARE troth_schema_there AS
SELECT (to_regclass('troth_guard.version') IS NOT NULL)::integer;
