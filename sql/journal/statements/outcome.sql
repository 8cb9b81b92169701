-- outcome: one that is later than its decision, with its event.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1  shard
-- $2  gtid
-- $3  epoch: under which it is written
-- $4  attempt
-- $5  protocol
-- $6  mode
-- $7  interactive
-- $8  accepted
-- $9  definition
-- $10 definition_version
-- $11 input
-- $12 labels
-- $13 key: the idempotency key, or null
-- $14 hash: of the request under that key
-- $15 traceparent
-- $16 timeout_us
-- $17 prepare_timeout_us
-- $18 began_at
-- $19 at: of this record
-- $20 members
-- $21 delegated: the branch that decides, 0 for none
-- $22 decision
-- $23 outcome
-- $24 failure
-- $25 event_id: null where the record publishes nothing
-- $26 seq: of the outbox
-- $27 topic
-- $28 event_key
-- $29 type
-- $30 payload
-- $31 headers
prepare troth_outcome (
    int4[], uuid[], int4[], int4[], text[], text[], bool[], bool[], text[], int8[], text[],
    text[], text[], text[], text[], int8[], int8[], timestamptz[], timestamptz[], text[], int4[],
    text[], text[], text[], uuid[], int8[], text[], text[], text[], text[], text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::bool[],
        $8::bool[], $9::text[], $10::int8[], $11::text[], $12::text[], $13::text[], $14::text[],
        $15::text[], $16::int8[], $17::int8[], $18::timestamptz[], $19::timestamptz[],
        $20::text[], $21::int4[], $22::text[], $23::text[], $24::text[], $25::uuid[],
        $26::int8[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[]
    ) with ordinality as r(
        shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
        definition_version, input, labels, key, hash, traceparent, timeout_us,
        prepare_timeout_us, began_at, at, members, delegated, decision, outcome, failure,
        event_id, seq, topic, event_key, type, payload, headers, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), t as (
    insert into troth.txn as t (
        shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
        definition_version, input, labels, idempotency_key, request_hash, traceparent,
        timeout_us, prepare_timeout_us, began_at, delegated_branch, members, state, outcome,
        failure
    )
    select
        r.shard, r.gtid, r.epoch, r.attempt, r.protocol, r.mode, r.interactive, r.accepted,
        r.definition, r.definition_version, r.input, r.labels, r.key, r.hash, r.traceparent,
        r.timeout_us, r.prepare_timeout_us, r.began_at, r.delegated, r.members, 'open',
        r.outcome, r.failure
    from r
    where ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    on conflict (shard, gtid) do update set
        outcome = excluded.outcome, failure = coalesce(excluded.failure, t.failure),
        epoch = excluded.epoch
    where t.outcome is distinct from excluded.outcome
    returning gtid
), k as (
    insert into troth.idempotency (shard, key, gtid, request_hash, began_at)
    select r.shard, r.key, r.gtid, r.hash, r.began_at
    from r
    where r.key is not null and ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    on conflict do nothing
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
        where p.shard = r.shard and p.gtid = r.gtid and p.epoch = r.epoch
            and p.outcome = r.outcome
    ) end,
    case when r.gtid in (select gtid from t) then null else (
        select p.decision from troth.decision p
        where p.shard = r.shard and p.gtid = r.gtid and p.attempt = r.attempt
    ) end
from r;
