-- fence: first in a batch: the session is ours, and its commits are durable (or division by zero), and so are the
-- shards of the batch ours: their rows have its epochs [NOEPOCH], or the square root of a negative number fails the
-- batch. They are locked FOR SHARE to the commit: a takeover's update waits for us, and we for it, and then see its
-- epoch [UNLOCKED].
--
-- $1  mark: what the session is known by
-- $2  shards, each once, in their order
-- $3  epoch of each
prepare troth_fence (text, int4[], int4[]) as
select
    1 / (
        coalesce(current_setting('troth.session', true), '') = $1
        and current_setting('synchronous_commit') = 'on'
    )::int,
    sqrt((count(*) = cardinality($2))::int - 1)
from (
    select from unnest($2::int4[], $3::int4[]) as r(shard, epoch)
    join troth.shard s on s.shard = r.shard and s.epoch = r.epoch
    for share of s
) led;
