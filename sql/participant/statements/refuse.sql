-- A business no, by itself: troth_guard.refuse_request().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
-- $6 reason  $7 output
prepare troth_refuse (text, uuid, integer, integer, bytea, text, text) as
select verdict, output, reason, array_to_string(prepared, ' '), revoked
from troth_guard.refuse_request($1, $2, $3, $4, sha256($5), $6, $7);
