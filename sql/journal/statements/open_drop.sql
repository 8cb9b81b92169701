-- open_drop: of the rows of a batch, transactions that end and were open when their shard was swept.
-- The answer says nothing: end, in the same batch, has each row's verdict.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
prepare troth_open_drop (
    int4[], uuid[], int4[]
) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[]
    ) with ordinality as r(
        shard, gtid, epoch, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
)
delete from troth.open o using r
where o.gtid = r.gtid and o.shard = r.shard
    and ((r.shard, r.epoch) in (select shard, epoch from s)) is true;
