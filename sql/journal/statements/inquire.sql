-- inquire: what a branch in doubt asks. Epoch, mark and rows in one statement, that is one snapshot
-- [INQ2STEP]. The highest attempt of any row is null where there is no row; behind it columns as image.c reads them.
--
-- $1  shard
-- $2  gtid
-- $3  attempt
prepare troth_inquire (int4, uuid, int4) as
select
    s.epoch, s.forgotten,
    greatest(t.attempt, (
        select max(a.attempt) from troth.decision a where a.shard = $1 and a.gtid = $2
    )),
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), d.decision, coalesce(t.outcome, d.outcome),
    coalesce(d.members, t.members), coalesce(t.failure, d.failure), t.state, t.steps, t.history,
    t.ended_at, d.decided_at, t.fallback
from troth.shard s
left join troth.txn t on t.shard = s.shard and t.gtid = $2
left join troth.decision d on d.shard = s.shard and d.gtid = $2 and d.attempt = $3
where s.shard = $1;
