-- The backend of a connection that was cut: true, it still works on something, and must not be ended; what
-- it has only left open is ended. No row: it has gone.
--
-- $1 its process id  $2 since when it runs, in seconds: the number may have been given away
PREPARE troth_predecessor (integer, numeric) AS
SELECT a.state = 'active', CASE WHEN a.state <> 'active' THEN pg_terminate_backend(a.pid) END
FROM pg_stat_activity a
WHERE a.pid = $1 AND extract(epoch FROM a.backend_start) = $2;
