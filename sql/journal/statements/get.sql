-- get: one transaction. Columns as image.c reads them.
--
-- $1  shard
-- $2  gtid
prepare troth_get (int4, uuid) as
select
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), d.decision, coalesce(t.outcome, d.outcome),
    coalesce(d.members, t.members), coalesce(t.failure, d.failure), t.state, t.steps, t.history,
    t.ended_at, d.decided_at, t.fallback
from troth.txn t
left join troth.decision d on d.shard = t.shard and d.gtid = t.gtid and d.attempt = t.attempt
where t.shard = $1 and t.gtid = $2;
