-- decision: commit or abort of an attempt that began before, once for ever, with the outcome event that it makes. A
-- decision that stands is not replaced [NOWRITEONCE]: then decision_again.sql tells it.
-- Behind fence.sql, which has looked at the epochs. One array a column, of the rows of a batch.
-- One answer: how many were written.
--
-- $1  shard
-- $2  gtid
-- $3  epoch: under which it is written
-- $4  attempt
-- $5  decision
-- $6  outcome
-- $7  delegated: the branch that decides, 0 for none
-- $8  at: of this record
-- $9  members
-- $10 failure
-- $11 event_id: null where the record publishes nothing
-- $12 seq: of the outbox
-- $13 topic
-- $14 event_key
-- $15 type
-- $16 payload
-- $17 headers
prepare troth_decision (
    int4[], uuid[], int4[], int4[], text[], text[], int4[], timestamptz[], text[], text[], uuid[],
    int8[], text[], text[], text[], text[], text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::int4[],
        $8::timestamptz[], $9::text[], $10::text[], $11::uuid[], $12::int8[], $13::text[],
        $14::text[], $15::text[], $16::text[], $17::text[]
    ) as r(
        shard, gtid, epoch, attempt, decision, outcome, delegated, at, members, failure, event_id,
        seq, topic, event_key, type, payload, headers
    )
), d as (
    insert into troth.decision (
        shard, gtid, attempt, epoch, decision, outcome, delegated_branch, decided_at, members,
        failure
    )
    select
        r.shard, r.gtid, r.attempt, r.epoch, r.decision, r.outcome, r.delegated, r.at, r.members,
        r.failure
    from r
    where (
            select p.decision is null or p.attempt <> r.attempt from troth.txn p
            where p.gtid = r.gtid and p.shard = r.shard
        )
    on conflict do nothing
    returning gtid
), o as (
    insert into troth.outbox (
        shard, epoch, seq, id, gtid, aggregatetype, aggregateid, type, payload, headers
    )
    select
        r.shard, r.epoch, r.seq, r.event_id, r.gtid, r.topic, r.event_key, r.type, r.payload,
        r.headers
    from r
    where r.event_id is not null and (r.gtid in (select gtid from d)) is true
)
select count(*) from d;
