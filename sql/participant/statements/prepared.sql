-- The names of what is prepared of a branch, up to an attempt, with a blank between two.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
prepare troth_prepared (text, uuid, integer, integer) as
select array_to_string(troth_guard.prepared($1, $2, $3, 1, $4), ' ');
