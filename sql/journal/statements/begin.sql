-- begin: a transaction is known; with the branch that decides, where it is delegated at once. Written again by an
-- interactive transaction whose member list grew. What it does not write, begin_again.sql is asked about.
-- Behind fence.sql, which has looked at the epochs. One array a column, of the rows of a batch.
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
-- $21 handed: the epoch whose leader hands it over, 0: it does not
-- $22 closed: and its client has said commit
prepare troth_begin (
    int4[], uuid[], int4[], int4[], text[], text[], bool[], bool[], text[], int8[], text[], text[],
    text[], text[], text[], int8[], int8[], timestamptz[], text[], int4[],
    int4[], bool[]
) as
insert into troth.txn as t (
    shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
    definition_version, input, labels, idempotency_key, request_hash, traceparent, timeout_us,
    prepare_timeout_us, began_at, members, delegated_branch, handed, closed
)
select
    r.shard, r.gtid, r.epoch, r.attempt, r.protocol, r.mode, r.interactive, r.accepted,
    r.definition, r.definition_version, r.input, r.labels, r.key, r.hash, r.traceparent,
    r.timeout_us, r.prepare_timeout_us, r.began_at, r.members, r.delegated, r.handed, r.closed
from unnest(
    $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::bool[], $8::bool[],
    $9::text[], $10::int8[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::int8[], $17::int8[], $18::timestamptz[], $19::text[], $20::int4[],
    $21::int4[], $22::bool[]
) as r(
    shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition,
    definition_version, input, labels, key, hash, traceparent, timeout_us, prepare_timeout_us,
    began_at, members, delegated, handed, closed
)
on conflict (gtid, shard) do update set
    members = excluded.members, delegated_branch = excluded.delegated_branch, epoch = excluded.epoch,
    handed = excluded.handed, closed = excluded.closed
where t.attempt = excluded.attempt and t.decision is null and t.delegated_branch = 0
    and not exists (
        select from troth.decision p
        where p.gtid = t.gtid and p.shard = t.shard and p.attempt = t.attempt
    );
