-- lease_give: these shards are nobody's from now on, kept for a while for whom each is meant for (null: for nobody).
--
-- $1  owner
-- $2  shard
-- $3  the process that it is meant for
-- $4  how long it is kept, in microseconds
prepare troth_lease_give (uuid, int4, uuid, int8) as
update troth.lease set
    lease_until = clock_timestamp(), owner = null, node = null,
    wanted_by = $3, wanted_until = clock_timestamp() + $4 * interval '1 microsecond'
where owner = $1 and shard = $2;
