-- Ends the sessions that work on this attempt of a branch, or on a lower one; true: there was one.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
PREPARE troth_end_running (text, uuid, integer, integer) AS
SELECT troth_guard.end_running($1, $2, $3, $4);
