-- How long statements may take, and wait for locks, from here on in this session (single.c); behind BEGIN, so that what
-- fails leaves it as it was.
--
-- $1 statement_timeout, in milliseconds; 0: none
-- $2 lock_timeout
prepare troth_brief_settings (text, text) as
select set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false);
