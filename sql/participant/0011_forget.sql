-- How guard rows leave, once: the library calls it, too. In place of 0002's forget(), whose mark was told to be as
-- old as the deletion before it in the same transaction, which takes its time: a call that had still seen the mark
-- before had less than `every` to end.

-- By itself. Rows below marks that are `every` old leave, at most `rows_max`; behind the last of them the marks
-- of these shards move. owed: not all is done; again, later.
create function troth_guard.forget_below(journal text, shards integer[], orderings bigint[], every interval,
                                         rows_max bigint, out gone bigint, out owed boolean)
language plpgsql as $$
#variable_conflict use_variable
begin
    delete from troth_guard.guard where ctid = any (array(
        select g.ctid from troth_guard.guard g
        join troth_guard.mark m on m.journal = g.journal and m.shard = g.shard
        where g.journal = journal and g.ordering < m.ordering and m.moved_at <= now() - every
        limit rows_max for update of g skip locked));
    get diagnostics gone = row_count;
    if gone < rows_max then
        insert into troth_guard.mark as m (journal, shard, ordering, moved_at)
            select journal, u.shard, max(u.ordering), clock_timestamp()
            from unnest(shards, orderings) as u (shard, ordering) group by u.shard
            on conflict on constraint mark_pkey do update
            set ordering = excluded.ordering, moved_at = excluded.moved_at
            where m.ordering < excluded.ordering and m.moved_at <= now() - every;
    end if;
    owed := gone = rows_max
        or exists (select from unnest(shards, orderings) as u (shard, ordering)
                   left join troth_guard.mark m on m.journal = journal and m.shard = u.shard
                   where m.ordering is null or m.ordering < u.ordering or m.moved_at > now() - every);
end
$$;

-- In place of 0002's, with the same use.
create or replace function troth_guard.forget(journal text, oldest_open uuid[], every interval default '1 minute')
returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
    rows_gone bigint := 0;
begin
    if exists (select from unnest(oldest_open) as o left join troth_guard.mark m
               on m.journal = journal and m.shard = troth_guard.shard_of(o)
               where m.ordering is null or (m.ordering < troth_guard.ordering_of(o)
                                            and m.moved_at <= now() - every)) then
        select f.gone into rows_gone from troth_guard.forget_below(
            journal, array(select troth_guard.shard_of(o) from unnest(oldest_open) as o),
            array(select troth_guard.ordering_of(o) from unnest(oldest_open) as o), every, 10000) as f;
    end if;
    return rows_gone;
end
$$;

insert into troth_guard.version (version) values (11);
