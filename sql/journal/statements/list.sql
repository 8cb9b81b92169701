-- list: one window of a list, the newest first: a gtid begins with its time. Planned each time, so that a filter which
-- is not given costs nothing: history is looked through only where it is asked for, and those that are open are found
-- as recovery finds them. Participants' names stand in lists made by record_member_append and txn_steps_append: names
-- need no escapes. What is large stands under CASE: where it is not asked for, it is not fetched from where PostgreSQL
-- keeps it.
-- One row at least, whose first columns are of the window: rows scanned, gtid of its last, rows wanted (those given may
-- be fewer, for their bytes); behind them columns as image.c reads them.
--
-- $1  state, or null
-- $2  outcome, or null
-- $3  definition, or null
-- $4  participant, or null
-- $5  began before; infinity
-- $6  began then or later
-- $7  gtid of the cursor: below it
-- $8  rows wanted
-- $9  rows of the window
-- $10 label, or null
-- $11 the least gtid
-- $12 the greatest
-- $13 payloads: with input, members, steps and history, 4 MiB a window
prepare troth_list (
    text, text, text, text, timestamptz, timestamptz, uuid, int8, int8, text, uuid, uuid, bool
) as
with f as (
    (
        select t.gtid, t.shard
        from troth.txn t
        where $1::text is null and t.gtid < $7 and t.gtid between $11 and $12
            and t.began_at < $5 and t.began_at >= $6
        order by t.gtid desc
        limit $9
    )
    union all
    (
        select t.gtid, t.shard
        from troth.txn t
        where $1::text = 'ended' and t.gtid < $7 and t.gtid between $11 and $12
            and t.began_at < $5 and t.began_at >= $6
            and (
                t.state = 'ended'
                or exists (
                    select from troth.ended e where e.gtid = t.gtid and e.shard = t.shard
                )
            )
        order by t.gtid desc
        limit $9
    )
    union all
    (
        select t.gtid, t.shard
        from (
            select gtid, shard from troth.open
            union
            select n.gtid, n.shard
            from troth.txn n
            where n.gtid > (select s.swept from troth.shard s order by s.swept limit 1)
        ) o
        join troth.txn t on t.gtid = o.gtid and t.shard = o.shard
        where $1::text = 'open' and t.gtid < $7 and t.gtid between $11 and $12
            and t.began_at < $5 and t.began_at >= $6 and t.state is distinct from 'ended'
            and not exists (
                select from troth.ended e where e.gtid = t.gtid and e.shard = t.shard
            )
        order by t.gtid desc
        limit $9
    )
), w as materialized (
    select
        t.shard, t.gtid,
        (
            ($2::text is null or coalesce(e.outcome, t.outcome, d.outcome) = $2)
            and ($3::text is null or t.definition = $3)
            and (
                $4::text is null
                or strpos(
                    coalesce(d.members, t.members, e.steps, t.steps),
                    '"participant":"' || $4 || '"'
                ) > 0
            )
            and ($10::text is null or strpos(t.labels, $10) > 0)
        ) is true as wanted,
        case when $13 then
            coalesce(octet_length(t.input), 0)
            + coalesce(octet_length(d.members), octet_length(t.members), 0)
            + coalesce(octet_length(e.steps), octet_length(t.steps), 0)
            + coalesce(8 * octet_length(e.history), octet_length(t.history), 0)
        else 0 end as bytes
    from f
    join troth.txn t on t.gtid = f.gtid and t.shard = f.shard
    left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
    left join troth.ended e on e.gtid = t.gtid and e.shard = t.shard
), p as (
    select w.*, row_number() over o as n, sum(w.bytes) over o as sum
    from (
        select * from w where w.wanted order by w.gtid desc limit $8
    ) w
    window o as (order by w.gtid desc)
), k as (
    select shard, gtid from p where n = 1 or sum <= 4194304
), x as (
    select
        count(*) as scanned,
        (select w.gtid from w order by w.gtid limit 1) as gtid,
        (select count(*) from p) as wanted
    from w
)
select
    x.scanned, x.gtid, x.wanted,
    t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition,
    t.definition_version, case when $13 then t.input end, t.labels, t.idempotency_key,
    t.request_hash, t.traceparent, t.timeout_us, t.prepare_timeout_us, t.began_at,
    coalesce(d.delegated_branch, t.delegated_branch), coalesce(t.decision, d.decision),
    coalesce(e.outcome, t.outcome, d.outcome),
    case when $13 then coalesce(d.members, t.members) end,
    coalesce(e.failure, t.failure, d.failure),
    case when e.gtid is null then coalesce(t.state, 'open') else 'ended' end,
    case when $13 then coalesce(e.steps, t.steps) end,
    case when $13 then coalesce(e.history, t.history) end,
    coalesce(e.ended_at, t.ended_at), coalesce(t.decided_at, d.decided_at), t.fallback
from x
left join (
    k
    join troth.txn t on t.gtid = k.gtid and t.shard = k.shard
    left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
    left join troth.ended e on e.gtid = t.gtid and e.shard = t.shard
) on true
order by t.gtid desc;
