-- The marks move: from here on calls below them are answered unknown.
--
-- $1 journal
-- $2 shards  $3 their marks
PREPARE troth_mark (text, integer[], bigint[]) AS
INSERT INTO troth_guard.mark AS m (journal, shard, ordering)
SELECT $1, shard, ordering FROM unnest($2, $3) AS u (shard, ordering)
ON CONFLICT (journal, shard) DO UPDATE SET ordering = excluded.ordering, moved_at = now()
WHERE m.ordering < excluded.ordering;
