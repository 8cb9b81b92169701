-- lease_claim: as the lane does it, in the transaction of a batch: the leases that are still ours are renewed. Which
-- rows may be written is the epochs' matter.
--
-- $1  owner
-- $2  length of the lease, in microseconds
prepare troth_lease_claim (uuid, int8) as
update troth.lease set lease_until = clock_timestamp() + $2 * interval '1 microsecond'
where owner = $1
returning shard;
