-- migrate_shards: how many shards the journal was created with; null: it was not.
prepare troth_migrate_shards as
select max(shards) from troth.journal;
