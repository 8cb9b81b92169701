-- decide_one: as decide.sql, of a batch that has one. A serial chain of transactions has no others, and for one row
-- arrays cost as much as the writing.
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
-- $19 members
-- $20 delegated: the branch that decides, 0 for none
-- $21 decision
-- $22 outcome
-- $23 failure
-- $24 at: of this record
prepare troth_decide_one (
    int4, uuid, int4, int4, text, text, bool, bool, text, int8, text, text,
    text, text, text, int8, int8, timestamptz, text, int4, text, text, text,
    timestamptz
) as
insert into troth.txn (
    shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
    definition_version, input, labels, idempotency_key, request_hash, traceparent, timeout_us,
    prepare_timeout_us, began_at, members, delegated_branch, decision, outcome, failure, decided_at
)
values (
    $1::int4, $2::uuid, $3::int4, $4::int4, $5::text, $6::text, $7::bool, $8::bool, $9::text,
    $10::int8, $11::text, $12::text, $13::text, $14::text, $15::text, $16::int8, $17::int8,
    $18::timestamptz, $19::text, $20::int4, $21::text, $22::text, $23::text, $24::timestamptz
);
