-- What became of a branch whose prepared transaction is gone: troth_guard.committed().
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
prepare troth_committed (text, uuid, integer, integer) as
select verdict, output, reason, array_to_string(prepared, ' '), revoked from troth_guard.committed($1, $2, $3, $4);
