-- delegate: one branch decides by itself, in one phase; once.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 attempt
-- $5 members
-- $6 delegated: the branch that decides, 0 for none
prepare troth_delegate (
    int4[], uuid[], int4[], int4[], text[], int4[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::int4[]
    ) with ordinality as r(
        shard, gtid, epoch, attempt, members, delegated, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), t as (
    update troth.txn t set
        delegated_branch = r.delegated, members = r.members, epoch = r.epoch
    from r
    where t.gtid = r.gtid and t.shard = r.shard
        and ((r.shard, r.epoch) in (select shard, epoch from s)) is true
        and t.attempt = r.attempt and t.decision is null and t.delegated_branch = 0
        and not exists (
            select from troth.decision p
            where p.gtid = t.gtid and p.shard = t.shard and p.attempt = t.attempt
        )
    returning t.gtid
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    r.gtid in (select gtid from t),
    case when r.gtid in (select gtid from t) then null else (
        select true from troth.txn p
        where p.gtid = r.gtid and p.shard = r.shard and p.epoch = r.epoch
            and p.delegated_branch = r.delegated and p.attempt = r.attempt
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
