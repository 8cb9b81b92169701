-- outcome: one that is later than its decision, with its event.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1  shard
-- $2  gtid
-- $3  epoch: under which it is written
-- $4  attempt
-- $5  outcome
-- $6  failure
-- $7  event_id: null where the record publishes nothing
-- $8  seq: of the outbox
-- $9  topic
-- $10 event_key
-- $11 type
-- $12 payload
-- $13 headers
prepare troth_outcome (
    int4[], uuid[], int4[], int4[], text[], text[], uuid[], int8[], text[], text[], text[], text[],
    text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::uuid[],
        $8::int8[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]
    ) with ordinality as r(
        shard, gtid, epoch, attempt, outcome, failure, event_id, seq, topic, event_key, type,
        payload, headers, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), t as (
    update troth.txn t set
        outcome = r.outcome, failure = coalesce(r.failure, t.failure), epoch = r.epoch
    from r
    where t.gtid = r.gtid and t.shard = r.shard
        and ((r.shard, r.epoch) in (select shard, epoch from s)) is true
        and t.outcome is distinct from r.outcome
    returning t.gtid
), o as (
    insert into troth.outbox (
        shard, epoch, seq, id, gtid, aggregatetype, aggregateid, type, payload, headers
    )
    select
        r.shard, r.epoch, r.seq, r.event_id, r.gtid, r.topic, r.event_key, r.type, r.payload,
        r.headers
    from r
    where r.event_id is not null and (r.gtid in (select gtid from t)) is true
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    r.gtid in (select gtid from t),
    case when r.gtid in (select gtid from t) then null else (
        select true from troth.txn p
        where p.gtid = r.gtid and p.shard = r.shard and p.epoch = r.epoch
            and p.outcome = r.outcome
    ) end,
    case when r.gtid in (select gtid from t) then null else coalesce(
        (
            select p.decision from troth.txn p
            where p.gtid = r.gtid and p.shard = r.shard and p.attempt = r.attempt
        ),
        (
            select p.decision from troth.decision p
            where p.gtid = r.gtid and p.shard = r.shard and p.attempt = r.attempt
        )
    ) end
from r;
