-- lost: the journal has gone back, and a leader that had written more knows it. Nothing of its epochs is taken at its
-- silence any more, and whoever leads next begins far above them. Who is above it already has looked himself
-- (epoch_raise.sql).
-- Answers: shard, its epoch.
--
-- $1  shards that are led
-- $2  epoch of each
prepare troth_lost (int4[], int4[]) as
with r as materialized (
    select * from unnest($1::int4[], $2::int4[]) as r(shard, epoch)
), l as materialized (
    select shard from troth.shard where shard = any($1) order by shard for update
)
update troth.shard s set
    epoch = r.epoch + 1024, lost = r.epoch + 1023, lost_at = clock_timestamp()
from r, l
where s.shard = r.shard and l.shard = r.shard and s.epoch <= r.epoch
returning s.shard, s.epoch;
