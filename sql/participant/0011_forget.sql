-- How guard rows leave, once: the library calls it, too. In place of 0002's forget(), whose mark was told to be as
-- old as the deletion before it in the same transaction, which takes its time: a call that had still seen the mark
-- before had less than `every` to end.

-- By itself. Rows below marks that are `every` old leave, at most `rows_max`; behind the last of them the marks
-- of these shards move. owed: not all is done; again, later.
CREATE FUNCTION troth_guard.forget_below(journal text, shards integer[], orderings bigint[], every interval,
                                         rows_max bigint, OUT gone bigint, OUT owed boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    DELETE FROM troth_guard.guard WHERE ctid = ANY (ARRAY(
        SELECT g.ctid FROM troth_guard.guard g
        JOIN troth_guard.mark m ON m.journal = g.journal AND m.shard = g.shard
        WHERE g.journal = journal AND g.ordering < m.ordering AND m.moved_at <= now() - every
        LIMIT rows_max FOR UPDATE OF g SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone < rows_max THEN
        INSERT INTO troth_guard.mark AS m (journal, shard, ordering, moved_at)
            SELECT journal, u.shard, max(u.ordering), clock_timestamp()
            FROM unnest(shards, orderings) AS u (shard, ordering) GROUP BY u.shard
            ON CONFLICT ON CONSTRAINT mark_pkey DO UPDATE
            SET ordering = excluded.ordering, moved_at = excluded.moved_at
            WHERE m.ordering < excluded.ordering AND m.moved_at <= now() - every;
    END IF;
    owed := gone = rows_max
        OR EXISTS (SELECT FROM unnest(shards, orderings) AS u (shard, ordering)
                   LEFT JOIN troth_guard.mark m ON m.journal = journal AND m.shard = u.shard
                   WHERE m.ordering IS NULL OR m.ordering < u.ordering OR m.moved_at > now() - every);
END
$$;

-- In place of 0002's, with the same use.
CREATE OR REPLACE FUNCTION troth_guard.forget(journal text, oldest_open uuid[], every interval DEFAULT '1 minute')
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    rows_gone bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM unnest(oldest_open) AS o LEFT JOIN troth_guard.mark m
               ON m.journal = journal AND m.shard = troth_guard.shard_of(o)
               WHERE m.ordering IS NULL OR (m.ordering < troth_guard.ordering_of(o)
                                            AND m.moved_at <= now() - every)) THEN
        SELECT f.gone INTO rows_gone FROM troth_guard.forget_below(
            journal, ARRAY(SELECT troth_guard.shard_of(o) FROM unnest(oldest_open) AS o),
            ARRAY(SELECT troth_guard.ordering_of(o) FROM unnest(oldest_open) AS o), every, 10000) AS f;
    END IF;
    RETURN rows_gone;
END
$$;

INSERT INTO troth_guard.version (version) VALUES (11);
