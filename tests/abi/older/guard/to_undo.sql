-- Whether there is something to undo, and with which output it was done: troth_guard.to_undo().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
prepare troth_to_undo (text, uuid, integer, integer) as
select verdict, output, reason, array_to_string(prepared, ' '), fenced from troth_guard.to_undo($1, $2, $3, $4);
