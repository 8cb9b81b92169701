-- inquire: what a branch in doubt asks. Epoch, mark and rows in one statement, that is one snapshot
-- [INQ2STEP]. The highest attempt of any row is null where there is no row; behind it columns as image.c reads them, and the
-- highest epoch under which rows may be missing.
--
-- $1  shard
-- $2  gtid
-- $3  attempt
prepare troth_inquire (int4, uuid, int4) as
select
    s.epoch, greatest(s.forgotten, f.mark),
    greatest(t.attempt, (
        select max(a.attempt) from troth.decision a where a.gtid = $2 and a.shard = $1
    )),
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent,
    t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch),
    coalesce(case when t.attempt = $3 then t.decision end, d.decision),
    coalesce(e.outcome, t.outcome, d.outcome), coalesce(d.members, t.members),
    coalesce(e.failure, t.failure, d.failure),
    case when e.gtid is null then coalesce(t.state, 'open') else 'ended' end,
    coalesce(e.steps, t.steps), coalesce(e.history, t.history), coalesce(e.ended_at, t.ended_at),
    coalesce(t.decided_at, d.decided_at), t.fallback,
    s.lost
from troth.shard s
left join troth.forgotten f on f.shard = s.shard
left join troth.txn t on t.gtid = $2 and t.shard = s.shard
left join troth.decision d on d.gtid = $2 and d.shard = s.shard and d.attempt = $3
left join troth.ended e on e.gtid = $2 and e.shard = s.shard
where s.shard = $1;
