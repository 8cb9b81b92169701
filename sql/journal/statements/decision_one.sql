-- decision_one: as decision.sql, of a batch that has one. A serial chain of transactions has no others, and for one row
-- arrays and the look-ups in what was written cost more than the writing.
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
prepare troth_decision_one (
    int4, uuid, int4, int4, text, text, bool, bool, text, int8, text, text,
    text, text, text, int8, int8, timestamptz, timestamptz, text, int4, text, text, text,
    uuid, int8, text, text, text, text, text
) as
with s as materialized (
    select epoch = $3::int4 as led from troth.shard where shard = $1::int4 for share
), d as (
    insert into troth.decision (
        shard, gtid, attempt, epoch, decision, outcome, delegated_branch, decided_at, members,
        failure
    )
    select
        $1::int4, $2::uuid, $4::int4, $3::int4, $22::text, $23::text, $21::int4, $19::timestamptz,
        $20::text, $24::text
    from s where s.led
    on conflict do nothing
    returning gtid
), t as (
    insert into troth.txn (
        shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
        definition_version, input, labels, idempotency_key, request_hash, traceparent,
        timeout_us, prepare_timeout_us, began_at, delegated_branch, members, state
    )
    select
        $1::int4, $2::uuid, $3::int4, $4::int4, $5::text, $6::text, $7::bool, $8::bool, $9::text,
        $10::int8, $11::text, $12::text, $13::text, $14::text,
        $15::text, $16::int8, $17::int8, $18::timestamptz, $21::int4, null, 'open'
    from s
    where s.led
    on conflict do nothing
), k as (
    insert into troth.idempotency (shard, key, gtid, request_hash, began_at)
    select
        $1::int4, $13::text, $2::uuid, $14::text, $18::timestamptz
    from s where s.led and $13::text is not null
    on conflict do nothing
), o as (
    insert into troth.outbox (
        shard, epoch, seq, id, gtid, aggregatetype, aggregateid, type, payload, headers
    )
    select
        $1::int4, $3::int4, $26::int8, $25::uuid, $2::uuid, $27::text, $28::text, $29::text,
        $30::text, $31::text
    from d where $25::uuid is not null
)
select
    1,
    coalesce((select s.led from s), false),
    exists (select from d),
    case when exists (select from d) then null else (
        select true from troth.decision p
        where p.shard = $1::int4 and p.gtid = $2::uuid and p.attempt = $4::int4
            and p.epoch = $3::int4 and p.decision = $22::text
    ) end,
    case when exists (select from d) then null else (
        select p.decision from troth.decision p
        where p.shard = $1::int4 and p.gtid = $2::uuid and p.attempt = $4::int4
    ) end;
