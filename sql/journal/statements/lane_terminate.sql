-- lane_terminate: a half-sent pipeline of an older session would hold its locks as long as its connection stands.
-- Only while the lease is ours: a node that was fenced must not end its successor's session.
--
-- $1  application_name, its beginning
-- $2  owner
prepare troth_lane_terminate (text, uuid) as
select pg_terminate_backend(pid)
from pg_stat_activity
where starts_with(application_name, $1) and pid <> pg_backend_pid()
    and exists (select from troth.lease where owner = $2);
