-- First on every connection. Never the database's or the role's own defaults: PREPARE, COMMIT and their like
-- have no statement timeout; the guard's own rows are waited for briefly; what is acknowledged is durable. And
-- which backend this is, for its successor (predecessor.sql).
--
-- $1 how long a guard row is waited for, in milliseconds
prepare troth_set_up (text) as
select set_config('statement_timeout', '0', false),
       set_config('lock_timeout', $1, false),
       set_config('troth_guard.row_timeout', $1 || 'ms', false),
       case when current_setting('synchronous_commit') = 'off'
       then set_config('synchronous_commit', 'on', false) end,
       a.pid, extract(epoch from a.backend_start)
from pg_stat_get_activity(pg_backend_pid()) as a;
