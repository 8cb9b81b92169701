-- lease_renew: the keeper's; with the database's clock.
--
-- $1  owner
-- $2  length of the lease, in microseconds
prepare troth_lease_renew (uuid, int8) as
with u as (
    update troth.lease set lease_until = clock_timestamp() + $2 * interval '1 microsecond'
    where owner = $1
    returning shard
)
select count(*), clock_timestamp() from u;
