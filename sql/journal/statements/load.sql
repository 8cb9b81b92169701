-- load: a page of what a new leader must know: open transactions, by their own small index. The order is that
-- index's alone: the primary key, which holds all history, can not serve it. Columns as image.c reads them, then
-- the shard and what a saga's steps did, in the order of their appending: text as it came, not jsonb. Two-phase
-- commit has none, and is not asked. 1000 rows (LOAD_PAGE).
--
-- $1  gtid: behind this one
-- $2  shard: and this
prepare troth_load (uuid, int4) as
select
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), d.decision, coalesce(t.outcome, d.outcome),
    coalesce(d.members, t.members), coalesce(t.failure, d.failure), t.state, t.steps, t.history,
    t.ended_at, d.decided_at, t.fallback,
    t.shard,
    case when t.mode <> '2pc' then (
        select '[' || string_agg(p.payload, ',' order by p.seq) || ']'
        from troth.record p
        where p.shard = t.shard and p.gtid = t.gtid and p.kind = 'step'
    ) end
from troth.txn t
left join troth.decision d on d.shard = t.shard and d.gtid = t.gtid and d.attempt = t.attempt
where t.state = 'open' and (t.gtid, t.shard) > ($1, $2)
order by t.gtid, t.shard
limit 1000;
