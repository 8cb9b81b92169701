-- leases: of each shard: who has it, by process and by name, and for how many microseconds; for whom it is kept, if it
-- is free, and for how many microseconds.
prepare troth_leases as
select
    shard, owner, node,
    (extract(epoch from lease_until - clock_timestamp()) * 1000000)::int8,
    wanted_by,
    (extract(epoch from wanted_until - clock_timestamp()) * 1000000)::int8
from troth.lease
order by shard;
