-- How long a transaction's statements may take, and wait for locks; behind BEGIN.
--
-- $1 statement_timeout, in milliseconds; 0: none
-- $2 lock_timeout
PREPARE troth_settings (text, text) AS
SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true);
