-- What prepare and execute answer where somebody's transaction holds the row, or `again`:
-- troth_guard.action_held().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
prepare troth_action_held (text, uuid, integer, integer) as
select verdict, output, reason, array_to_string(prepared, ' '), fenced
from troth_guard.action_held($1, $2, $3, $4);
