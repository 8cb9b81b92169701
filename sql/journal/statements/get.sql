-- get: one transaction. Columns as image.c reads them. Those that ended under an older layout (state is not null)
-- have all in their row.
--
-- $1  shard
-- $2  gtid
prepare troth_get (int4, uuid) as
select
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), coalesce(t.decision, d.decision),
    coalesce(e.outcome, t.outcome, d.outcome), coalesce(d.members, t.members),
    coalesce(e.failure, t.failure, d.failure),
    case when e.gtid is null then coalesce(t.state, 'open') else 'ended' end,
    coalesce(e.steps, t.steps), coalesce(e.history, t.history), coalesce(e.ended_at, t.ended_at),
    coalesce(t.decided_at, d.decided_at), t.fallback
from troth.txn t
left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
left join troth.ended e on e.gtid = t.gtid and e.shard = t.shard
where t.gtid = $2 and t.shard = $1;
