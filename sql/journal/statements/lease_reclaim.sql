-- lease_reclaim: the same memory goes on after a loss; as many shards as before, or another node took over.
--
-- $1  owner
-- $2  length of the lease, in microseconds
prepare troth_lease_reclaim (uuid, int8) as
with u as (
    update troth.lease set lease_until = clock_timestamp() + $2 * interval '1 microsecond'
    where owner = $1
    returning shard
)
select count(*) from u;
