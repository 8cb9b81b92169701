-- delete: events that Kafka has confirmed. By id: another epoch's row may have the same number.
-- One array a column, of the rows of a batch. The rows of their shards are locked FOR SHARE to the commit
-- [UNLOCKED]; only rows whose epoch is their shard's are written [NOEPOCH]; one answer for each. docs/journal.md
-- says what all statements of this shape have in common.
--
-- $1  shard
-- $2  gtid
-- $3  epoch
-- $4  id: of the event
prepare troth_delete (int4[], uuid[], int4[], uuid[]) as
with r as materialized (
    select * from unnest(
        $1::int4[], $2::uuid[], $3::int4[], $4::uuid[]
    ) with ordinality as r(
        shard, gtid, epoch, id, n
    )
), s as materialized (
    select shard, epoch from troth.shard where shard = any($1) for share
), d as (
    delete from troth.outbox o using r
    where o.shard = r.shard and o.gtid = r.gtid and o.id = r.id
        and ((r.shard, r.epoch) in (select shard, epoch from s)) is true
    returning o.id
)
select
    r.n::int4,
    ((r.shard, r.epoch) in (select shard, epoch from s)) is true,
    r.id in (select id from d),
    null::bool,
    null::text
from r;
