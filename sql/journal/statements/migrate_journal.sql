-- migrate_journal: the journal's own row, once.
--
-- $1  id
-- $2  shards
prepare troth_migrate_journal (text, int4) as
insert into troth.journal (id, shards) values ($1, $2);
