-- Guard rows leave that are below marks which are old enough, then the marks move:
-- troth_guard.forget_below().
--
-- $1 journal
-- $2 shards  $3 their marks
-- $4 how old, in microseconds
-- $5 at most so many rows
prepare troth_sweep (text, integer[], bigint[], bigint, bigint) as
select gone, owed from troth_guard.forget_below($1, $2, $3, $4 * interval '1 microsecond', $5);
