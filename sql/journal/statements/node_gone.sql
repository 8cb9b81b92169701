-- node_gone: this process ends, and is not to be counted any more.
--
-- $1  owner
prepare troth_node_gone (uuid) as
update troth.node set live_until = clock_timestamp() where owner = $1;
