-- forget: transactions of one shard that ended long ago leave, the oldest first, with all their rows, and the shard's
-- mark is raised: without a row they are unknown from now on, never aborted. What is open stays, and so does an event
-- that Kafka has not confirmed. Nothing is forgotten where the epoch is not the shard's.
-- One row: how many left, and the last one's gtid.
--
-- $1  shard
-- $2  epoch
-- $3  ended before
-- $4  gtid: of that time; what began later did not end before it
-- $5  gtid: behind this one
-- $6  how many at most
prepare troth_forget (int4, int4, timestamptz, uuid, uuid, int8) as
with s as materialized (
    select shard from troth.shard where shard = $1 and epoch = $2 for share
), e as materialized (
    select o.gtid
    from (
        (
            select e.gtid
            from troth.ended e
            where e.shard = $1 and e.gtid > $5 and e.gtid < $4 and e.ended_at < $3
            order by e.gtid
            limit $6
        )
        union
        (
            select t.gtid
            from troth.txn t
            where t.shard = $1 and t.gtid > $5 and t.gtid < $4 and t.state = 'ended'
                and t.ended_at < $3
            order by t.gtid
            limit $6
        )
    ) o
    where exists (select from s)
    order by o.gtid
    limit $6
), k as (
    delete from troth.idempotency k using e, troth.txn t
    where t.gtid = e.gtid and t.shard = $1 and t.state = 'ended' and k.shard = $1
        and k.key = t.idempotency_key and k.gtid = t.gtid
), r as (
    delete from troth.record r using e where r.gtid = e.gtid and r.shard = $1
), d as (
    delete from troth.decision d using e where d.gtid = e.gtid and d.shard = $1
), t as (
    delete from troth.txn t using e where t.gtid = e.gtid and t.shard = $1
), f as (
    delete from troth.ended f using e where f.gtid = e.gtid and f.shard = $1
), m as (
    insert into troth.forgotten as m (shard, mark)
    select
        $1,
        max(
            ('x' || right(replace(e.gtid::text, '-', ''), 16))::bit(64)::bigint
            & 4611686018427387903
        )
    from e
    having count(*) > 0
    on conflict (shard) do update set mark = greatest(m.mark, excluded.mark)
)
select (select count(*) from e), (select gtid from e order by gtid desc limit 1);
