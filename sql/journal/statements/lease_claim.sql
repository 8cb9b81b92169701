-- lease_claim: as the lane does it, in the transaction of a batch: fails (division by zero) where the lease is
-- another's.
--
-- $1  owner
-- $2  length of the lease, in microseconds
-- $3  shards
prepare troth_lease_claim (uuid, int8, int8) as
with u as (
    update troth.lease set lease_until = clock_timestamp() + $2 * interval '1 microsecond'
    where owner = $1
    returning shard
)
select 1 / (count(*) = $3)::int from u;
