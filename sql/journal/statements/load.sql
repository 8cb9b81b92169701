-- load: a page of what a new leader must know: open transactions, behind a sweep that has noted all of them. History is
-- not looked through, and the oldest come first. A page has 1000 rows, fewer where they are large (16 MiB), one at
-- least. Columns as image.c reads them, then the shard, what a saga's steps did, and what an operator said of a branch,
-- in the order of their appending (text as it came, not jsonb; a two-phase commit that has not come to a decision has
-- none, and is not asked), whether there is more behind this row (of the last one that is the page's), what the leader
-- before wrote of its handing over, and whether it may have been decided all the same: its last row is of an epoch
-- under which the journal lost some [LOSTTAIL].
--
-- $1  gtid: behind this one
-- $2  shard: and this
-- $3  shards: of those that are taken
prepare troth_load (uuid, int4, int4[]) as
with p as materialized (
    select
        t.shard, t.gtid, row_number() over o as n, count(*) over () as total,
        sum(
            coalesce(octet_length(t.input), 0)
            + coalesce(octet_length(d.members), octet_length(t.members), 0)
            + case when t.mode <> '2pc' or coalesce(t.decision, d.decision) is not null
                or t.delegated_branch <> 0 then coalesce((
                select sum(octet_length(r.payload)) from troth.record r
                where r.gtid = t.gtid and r.shard = t.shard and r.kind = 'step'
            ), 0) else 0 end
        ) over o as bytes
    from (
        select t.shard, t.gtid, t.attempt, t.mode, t.input, t.members, t.decision,
            t.delegated_branch
        from troth.open o
        join troth.txn t on t.gtid = o.gtid and t.shard = o.shard
        where (o.gtid, o.shard) > ($1, $2) and o.shard = any($3)
            and t.state is distinct from 'ended'
            and not exists (
                select from troth.ended e where e.gtid = o.gtid and e.shard = o.shard
            )
        order by o.gtid, o.shard
        limit 1000
    ) t
    left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
    window o as (order by t.gtid, t.shard)
)
select
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), coalesce(t.decision, d.decision),
    coalesce(t.outcome, d.outcome), coalesce(d.members, t.members),
    coalesce(t.failure, d.failure), 'open', null::text, null::text, null::timestamptz,
    coalesce(t.decided_at, d.decided_at), t.fallback,
    t.shard,
    case when t.mode <> '2pc' or coalesce(t.decision, d.decision) is not null
        or t.delegated_branch <> 0 then (
        select '[' || string_agg(r.payload, ',' order by r.seq) || ']'
        from troth.record r
        where r.gtid = t.gtid and r.shard = t.shard and r.kind = 'step'
    ) end,
    p.total >= 1000 or p.total > p.n, t.handed, t.closed,
    t.epoch <= s.lost and coalesce(t.decision, d.decision) is null
        and not exists (
            select from troth.record r
            where r.gtid = t.gtid and r.shard = t.shard and r.epoch > s.lost
        )
from p
join troth.txn t on t.gtid = p.gtid and t.shard = p.shard
join troth.shard s on s.shard = p.shard
left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
where p.n = 1 or p.bytes <= 16777216
order by p.n;
