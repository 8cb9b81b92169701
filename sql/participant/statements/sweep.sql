-- Guard rows leave that are below the marks. A mark has to be durable for longer than any call takes.
--
-- $1 journal
-- $2 shards  $3 their marks
-- $4 at most so many rows
PREPARE troth_sweep (text, integer[], bigint[], integer) AS
DELETE FROM troth_guard.guard WHERE ctid = ANY (ARRAY(
    SELECT g.ctid FROM troth_guard.guard g, unnest($2, $3) AS m (shard, ordering)
    WHERE g.journal = $1 AND g.shard = m.shard AND g.ordering < m.ordering
    LIMIT $4 FOR UPDATE OF g SKIP LOCKED));
