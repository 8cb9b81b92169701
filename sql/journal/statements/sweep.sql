-- sweep: notes in troth.open which of the transactions up to a gtid are open, and that this was done so far: the shards'
-- mark. Transactions come in the order of their time, so each is looked at once, some time after it began, when most
-- have ended. One that begins behind the mark, or ends there, looks after troth.open itself (open_put.sql, open_drop.sql).
-- Nothing is swept where an epoch is not the shard's [NOEPOCH]. One row: the mark; none: nothing was done.
--
-- $1  shards, each once, in their order
-- $2  epoch of each
-- $3  up to this gtid
-- $4  rows looked at at most; null: all there are, and the mark is the last of them
prepare troth_sweep (int4[], int4[], uuid, int8) as
with s as materialized (
    select s.shard, s.swept
    from unnest($1::int4[], $2::int4[]) as r(shard, epoch)
    join troth.shard s on s.shard = r.shard and s.epoch = r.epoch
    for no key update of s
), b as materialized (
    select swept from s order by swept limit 1
), c as materialized (
    select t.gtid, t.shard
    from troth.txn t
    where t.gtid > (select swept from b) and t.gtid <= $3 and t.shard in (select shard from s)
    order by t.gtid, t.shard
    limit $4
), m as materialized (
    select
        case when (select count(*) from c) < $4 then $3
            else coalesce((select gtid from c order by gtid desc limit 1), swept) end as mark
    from b
), w as (
    insert into troth.open (gtid, shard)
    select gtid, shard from c
    except
    select e.gtid, e.shard
    from troth.ended e
    where e.gtid > (select swept from b) and e.gtid <= (select mark from m)
    on conflict do nothing
), u as (
    update troth.shard t set swept = m.mark
    from m
    where t.shard in (select shard from s) and t.swept < m.mark
)
select mark from m;
