-- The backend of a connection that was cut: true, it still works on something, and must not be ended; what
-- it has only left open is ended. No row: it has gone.
--
-- $1 its process id  $2 since when it runs, in seconds: the number may have been given away
prepare troth_predecessor (integer, numeric) as
select a.state = 'active', case when a.state <> 'active' then pg_terminate_backend(a.pid) end
from pg_stat_activity a
where a.pid = $1 and extract(epoch from a.backend_start) = $2;
