-- What prepare and execute answer where somebody's transaction holds the row, or `again`:
-- troth_guard.action_held().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
PREPARE troth_action_held (text, uuid, integer, integer) AS
SELECT verdict, output, reason, array_to_string(prepared, ' '), fenced
FROM troth_guard.action_held($1, $2, $3, $4);
