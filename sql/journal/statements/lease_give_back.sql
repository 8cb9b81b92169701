-- lease_give_back: whoever waits may have them at once.
--
-- $1  owner
prepare troth_lease_give_back (uuid) as
update troth.lease set lease_until = clock_timestamp(), owner = null, node = null where owner = $1;
