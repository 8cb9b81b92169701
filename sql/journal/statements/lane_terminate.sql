-- lane_terminate: a half-sent pipeline of an older session of this lane would hold its locks as long as its connection
-- stands. The name has this process at its end.
--
-- $1  application_name
prepare troth_lane_terminate (text) as
select pg_terminate_backend(pid)
from pg_stat_activity
where application_name = $1 and pid <> pg_backend_pid();
