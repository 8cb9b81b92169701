-- epochs: before all else on a new connection of a leader, and without any table that may be locked: is a shard's epoch
-- below its own, which was durable (the journal has gone back), or above it (somebody else leads)?
-- One row: below, above.
--
-- $1  shards that are led
-- $2  epoch of each
prepare troth_epochs (int4[], int4[]) as
select
    coalesce(bool_or(s.epoch is null or s.epoch < r.epoch), false),
    coalesce(bool_or(s.epoch > r.epoch), false)
from unnest($1::int4[], $2::int4[]) as r(shard, epoch)
left join troth.shard s on s.shard = r.shard;
