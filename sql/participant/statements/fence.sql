-- A tombstone, or a refusal with its answer, by itself. One row: it is written; none: there is a row already,
-- or the gtid is forgotten.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input; null: whatever it is
-- $6 shard, $7 ordering: of the gtid
-- $8 'tombstone' or 'refused'
-- $9 output  $10 reason
PREPARE troth_fence (text, uuid, integer, integer, bytea, integer, bigint, text, text, text) AS
INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state, request, shard, ordering,
                                    output, reason)
SELECT $1, $2, $3, 'action', $4, $8, sha256($5), $6, $7, $9, $10
WHERE NOT EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = $1 AND m.shard = $6 AND m.ordering > $7)
ON CONFLICT (journal, gtid, branch, kind) DO UPDATE
SET attempt = excluded.attempt, state = excluded.state, request = excluded.request,
    output = excluded.output, reason = excluded.reason
WHERE g.state <> 'done' AND g.attempt < excluded.attempt
RETURNING true;
