-- migrate_make_shards: a row for each shard.
prepare troth_migrate_make_shards as
insert into troth.shard (shard)
select generate_series(0, (select shards - 1 from troth.journal));
