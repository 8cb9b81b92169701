-- open_put: of the rows of a batch, transactions that begin behind the sweep of their shard: it will not come by again.
-- The answer says nothing: begin or decide, in the same batch, has each row's verdict.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
prepare troth_open_put (
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
insert into troth.open (gtid, shard)
select r.gtid, r.shard
from r
where ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    and not exists (select from troth.ended e where e.gtid = r.gtid and e.shard = r.shard)
on conflict do nothing;
