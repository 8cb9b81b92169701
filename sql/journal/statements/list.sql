-- list: one window of a list, the newest first. Planned each time, so that a filter which is not given costs
-- nothing. Participants' names stand in lists made by record_member_append and txn_steps_append: names need no
-- escapes. The cursor's row may have left meanwhile; the time in its gtid is near enough to go on from.
-- What is large stands under CASE: where it is not asked for, it is not fetched from where PostgreSQL keeps it.
-- One row at least, whose first columns are of the window: rows scanned, began_at and gtid of its last, rows
-- wanted (those given may be fewer, for their bytes); behind them columns as image.c reads them.
--
-- $1  state, or null
-- $2  outcome, or null
-- $3  definition, or null
-- $4  participant, or null
-- $5  began before; infinity
-- $6  shard of the cursor's row; -1: go by the time alone
-- $7  gtid of the cursor
-- $8  when it began, where it has no row
-- $9  rows wanted
-- $10 rows of the window
-- $11 began then or later
-- $12 label, or null
-- $13 the least gtid
-- $14 the greatest
-- $15 payloads: with input, members, steps and history, 4 MiB a window
prepare troth_list (
    text, text, text, text, timestamptz, int4, uuid, timestamptz, int8, int8, timestamptz, text,
    uuid, uuid, bool
) as
with w as materialized (
    select
        t.shard, t.gtid, t.began_at,
        (
            ($2::text is null or coalesce(t.outcome, d.outcome) = $2)
            and ($3::text is null or t.definition = $3)
            and (
                $4::text is null
                or strpos(
                    coalesce(d.members, t.members, t.steps), '"participant":"' || $4 || '"'
                ) > 0
            )
            and ($12::text is null or strpos(t.labels, $12) > 0)
            and t.gtid between $13 and $14
        ) is true as wanted,
        case when $15 then
            coalesce(octet_length(t.input), 0)
            + coalesce(octet_length(d.members), octet_length(t.members), 0)
            + coalesce(octet_length(t.steps), 0) + coalesce(octet_length(t.history), 0)
        else 0 end as bytes
    from troth.txn t
    left join troth.decision d on d.shard = t.shard and d.gtid = t.gtid and d.attempt = t.attempt
    where ($1::text is null or t.state = $1) and t.began_at < $5 and t.began_at >= $11
        and (t.began_at, t.gtid) < (
            coalesce((
                select c.began_at from troth.txn c where c.shard = $6 and c.gtid = $7
            ), $8), $7
        )
    order by t.began_at desc, t.gtid desc
    limit $10
), p as (
    select w.*, row_number() over o as n, sum(w.bytes) over o as sum
    from (
        select * from w where w.wanted order by w.began_at desc, w.gtid desc limit $9
    ) w
    window o as (order by w.began_at desc, w.gtid desc)
), k as (
    select shard, gtid from p where n = 1 or sum <= 4194304
), e as (
    select
        count(*) as scanned,
        (array_agg(w.began_at order by w.began_at, w.gtid))[1] as at,
        (array_agg(w.gtid order by w.began_at, w.gtid))[1] as gtid,
        (select count(*) from p) as wanted
    from w
)
select
    e.scanned, e.at, e.gtid, e.wanted,
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, case when $15 then t.input end, t.labels, t.idempotency_key,
    t.request_hash, t.traceparent, t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), d.decision, coalesce(t.outcome, d.outcome),
    case when $15 then coalesce(d.members, t.members) end, coalesce(t.failure, d.failure), t.state,
    case when $15 then t.steps end, case when $15 then t.history end, t.ended_at, d.decided_at,
    t.fallback
from e
left join (
    k
    join troth.txn t on t.shard = k.shard and t.gtid = k.gtid
    left join troth.decision d on d.shard = t.shard and d.gtid = t.gtid and d.attempt = t.attempt
) on true
order by t.began_at desc, t.gtid desc;
