-- What became of a branch: troth_guard.status().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
prepare troth_status (text, uuid, integer, integer) as
select verdict, output, reason, array_to_string(prepared, ' '), fenced from troth_guard.status($1, $2, $3, $4);
