-- First on every connection. Never the database's or the role's own defaults: PREPARE, COMMIT and their like
-- have no statement timeout; the guard's own rows are waited for briefly; what is acknowledged is durable. And
-- which backend this is, for its successor (predecessor.sql).
--
-- $1 how long a guard row is waited for, in milliseconds
PREPARE troth_set_up (text) AS
SELECT set_config('statement_timeout', '0', false),
       set_config('lock_timeout', $1, false),
       set_config('troth_guard.row_timeout', $1 || 'ms', false),
       CASE WHEN current_setting('synchronous_commit') = 'off'
       THEN set_config('synchronous_commit', 'on', false) END,
       a.pid, extract(epoch FROM a.backend_start)
FROM pg_stat_get_activity(pg_backend_pid()) AS a;
