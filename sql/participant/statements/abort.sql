-- Nothing of this attempt, or of a lower one, comes any more: troth_guard.abort().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 true: what was prepared has been rolled back for it
prepare troth_abort (text, uuid, integer, integer, boolean) as
select verdict, output, reason, array_to_string(prepared, ' '), revoked
from troth_guard.abort($1, $2, $3, $4, rolled_back => $5);
