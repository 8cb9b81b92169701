-- 1: this database has the schema troth_guard. 0: it has not.
prepare troth_schema_there as
select (to_regclass('troth_guard.version') is not null)::integer;
