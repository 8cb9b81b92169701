-- How long a transaction's statements may take, and wait for locks; behind BEGIN.
--
-- $1 statement_timeout, in milliseconds; 0: none
-- $2 lock_timeout
prepare troth_settings (text, text) as
select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true);
