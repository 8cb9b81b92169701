-- end_again: as end.sql, with an answer for each row.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 at: of this record
-- $5 outcome
-- $6 failure
-- $7 steps
-- $8 history
prepare troth_end_again (
    int4[], uuid[], int4[], timestamptz[], text[], text[], text[], text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
        $8::text[]
    ) with ordinality as r(
        shard, gtid, epoch, at, outcome, failure, steps, history, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), t as (
    insert into troth.ended (shard, gtid, epoch, ended_at, outcome, failure, steps, history)
    select r.shard, r.gtid, r.epoch, r.at, r.outcome, r.failure, r.steps, r.history
    from r
    where ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    on conflict do nothing
    returning gtid
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    r.gtid in (select gtid from t),
    case when r.gtid in (select gtid from t) then null else (
        select true from troth.ended p
        where p.gtid = r.gtid and p.shard = r.shard and p.epoch = r.epoch
    ) end,
    null::text
from r;
