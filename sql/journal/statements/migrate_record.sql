-- migrate_record: one more is applied.
--
-- $1  version
-- $2  name
prepare troth_migrate_record (int4, text) as
insert into troth.migration (version, name) values ($1, $2);
