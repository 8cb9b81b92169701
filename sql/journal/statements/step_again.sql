-- step_again: as step.sql, with an answer for each row. Of those under one number the latest holds.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 seq: of the record
-- $5 at: of this record
-- $6 step
prepare troth_step_again (
    int4[], uuid[], int4[], int8[], timestamptz[], text[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::int8[], $5::timestamptz[], $6::text[]
    ) with ordinality as r(
        shard, gtid, epoch, seq, at, step, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), d as (
    insert into troth.record as p (shard, gtid, seq, epoch, kind, at, payload)
    select distinct on (r.gtid, r.shard, r.seq)
        r.shard, r.gtid, r.seq, r.epoch, 'step', r.at, r.step
    from r
    where ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    order by r.gtid, r.shard, r.seq, r.n desc
    on conflict (gtid, shard, seq) do update set at = excluded.at, payload = excluded.payload
    returning gtid, seq
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    (r.gtid, r.seq) in (select gtid, seq from d),
    true,
    null::text
from r;
