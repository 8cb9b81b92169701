-- Behind BEGIN, before work whose guard row comes behind it (row_behind.sql), where it may take its time (brief_settings.sql
-- is for what may not): a statement's own timeout begins with it, so that it cannot set it. And the session is known by its
-- branch's name from here on (0004_running.sql, say_running()).
--
-- $1 statement_timeout of the work, in milliseconds; 0: none
-- $2 lock_timeout, for rows of the business and the guard row
-- $3 the branch's name while its session works (troth_guard.running_name())
prepare troth_work_settings (text, text, text) as
select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
       set_config('application_name', $3, true),
       pg_advisory_lock(1953656692, pg_backend_pid()), pg_advisory_unlock(1953656692, pg_backend_pid());
