-- migrate_has_schema: is the schema there?
prepare troth_migrate_has_schema as
select (to_regnamespace('troth') is not null)::int;
