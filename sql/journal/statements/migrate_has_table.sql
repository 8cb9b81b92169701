-- migrate_has_table: is the table of the migrations there?
prepare troth_migrate_has_table as
select (to_regclass('troth.migration') is not null)::int;
