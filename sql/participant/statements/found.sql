-- What prepare and execute answer where a row is there already: troth_guard.found().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
prepare troth_found (text, uuid, integer, integer, bytea) as
select verdict, output, reason, array_to_string(prepared, ' '), revoked
from troth_guard.found($1, $2, $3, $4, sha256($5));
