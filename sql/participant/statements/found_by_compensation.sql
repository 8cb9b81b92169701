-- What a compensation answers where its row is there already: troth_guard.found_by_compensation().
--
-- $1 journal  $2 gtid  $3 branch
PREPARE troth_found_by_compensation (text, uuid, integer) AS
SELECT verdict, output, reason, array_to_string(prepared, ' '), fenced
FROM troth_guard.found_by_compensation($1, $2, $3);
