-- attempt: ends an attempt with abort and begins the next; protocol and fallback are those of the one that
-- begins.
-- A decision that stands is not replaced [NOWRITEONCE].
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1  shard
-- $2  gtid
-- $3  epoch: under which it is written
-- $4  attempt
-- $5  protocol
-- $6  at: of this record
-- $7  members
-- $8  delegated: the branch that decides, 0 for none
-- $9  decision
-- $10 outcome
-- $11 failure
-- $12 fallback: why two-phase commit was given up, or null
prepare troth_attempt (
    int4[], uuid[], int4[], int4[], text[], timestamptz[], text[], int4[], text[], text[], text[],
    text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::timestamptz[], $7::text[],
        $8::int4[], $9::text[], $10::text[], $11::text[], $12::text[]
    ) with ordinality as r(
        shard, gtid, epoch, attempt, protocol, at, members, delegated, decision, outcome, failure,
        fallback, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), d as (
    insert into troth.decision (
        shard, gtid, attempt, epoch, decision, outcome, delegated_branch, decided_at, members,
        failure
    )
    select
        r.shard, r.gtid, r.attempt, r.epoch, r.decision, r.outcome, r.delegated, r.at, r.members,
        r.failure
    from r
    where ((r.shard, r.epoch) in (select shard, epoch from s)) is true
        and (
            select p.decision is null or p.attempt <> r.attempt from troth.txn p
            where p.gtid = r.gtid and p.shard = r.shard
        )
    on conflict do nothing
    returning gtid
), t as (
    update troth.txn t set
        attempt = r.attempt + 1, protocol = r.protocol, members = r.members, delegated_branch = 0,
        fallback = coalesce(r.fallback, t.fallback), epoch = r.epoch
    from r
    where t.gtid = r.gtid and t.shard = r.shard and t.attempt <= r.attempt
        and (r.gtid in (select gtid from d)) is true
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    r.gtid in (select gtid from d),
    case when r.gtid in (select gtid from d) then null else (
        select true from troth.decision p
        where p.gtid = r.gtid and p.shard = r.shard and p.attempt = r.attempt and p.epoch = r.epoch
            and p.decision = r.decision
    ) end,
    case when r.gtid in (select gtid from d) then null else coalesce(
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
