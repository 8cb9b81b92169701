-- What a compensation answers where its row is there already: troth_guard.found_by_compensation().
--
-- $1 journal  $2 gtid  $3 branch
prepare troth_found_by_compensation (text, uuid, integer) as
select verdict, output, reason, array_to_string(prepared, ' '), revoked
from troth_guard.found_by_compensation($1, $2, $3);
