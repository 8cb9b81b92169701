-- A wrong mark is put right, by the database's owner. From a mark on, calls of gtids below it are answered unknown: one
-- that is too high (told by somebody who was believed to be the coordinator) shuts the coordinator out, and lies in the
-- table, so that a restart does not help. oldest_open: what each shard's mark should have been at most, the oldest open
-- gtid of each, of the same journal. Marks that are not above these stay. Rows that have left stay gone: what is asked
-- of them again is done again, so that no lower gtid is given than what is open.
create function troth_guard.put_right(journal text, oldest_open uuid[], out shard integer, out was_epoch integer,
                                      out was_counter bigint, out epoch integer, out counter bigint)
returns setof record language sql set search_path = pg_catalog, pg_temp as $$
    with told as (
        select troth_guard.shard_of(o) as shard, min(troth_guard.ordering_of(o)) as ordering
        from unnest(put_right.oldest_open) as o group by 1),
    wrong as (
        select m.shard, m.ordering, told.ordering as should
        from troth_guard.mark m join told on told.shard = m.shard
        where m.journal = put_right.journal and m.ordering > told.ordering for update of m),
    lowered as (
        update troth_guard.mark m set ordering = wrong.should, moved_at = clock_timestamp()
        from wrong where m.journal = put_right.journal and m.shard = wrong.shard
        returning m.shard)
    select wrong.shard, (wrong.ordering >> 38)::integer, wrong.ordering & 274877906943,
           (wrong.should >> 38)::integer, wrong.should & 274877906943
    from wrong join lowered on lowered.shard = wrong.shard order by wrong.shard
$$;

-- The marks as people read them.
create view troth_guard.marks as
    select journal, shard, (ordering >> 38)::integer as epoch, ordering & 274877906943 as counter, moved_at
    from troth_guard.mark;
comment on view troth_guard.marks is
    'Per journal and shard: calls of gtids below (epoch, counter) are answered unknown. See troth_guard.put_right().';
comment on function troth_guard.put_right(text, uuid[]) is
    'Lowers marks that are above the oldest open gtid of their shard.';

insert into troth_guard.version (version) values (15);
