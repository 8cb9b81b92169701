-- lease_promise: it is about to be handed over to that process, which so looks more often.
--
-- $1  owner
-- $2  shard
-- $3  the process that it is meant for
-- $4  how long it is promised, in microseconds
prepare troth_lease_promise (uuid, int4, uuid, int8) as
update troth.lease set
    wanted_by = $3, wanted_until = clock_timestamp() + $4 * interval '1 microsecond'
where owner = $1 and shard = $2;
