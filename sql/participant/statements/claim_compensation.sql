-- The row of a compensation, in the transaction that undoes and before it. One row: it is ours; none: it was
-- undone before, or the gtid is forgotten.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
PREPARE troth_claim_compensation (text, uuid, integer, integer, bytea, integer, bigint) AS
INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
SELECT $1, $2, $3, 'compensation', $4, 'done', sha256($5), $6, $7
WHERE NOT EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = $1 AND m.shard = $6 AND m.ordering > $7)
ON CONFLICT DO NOTHING
RETURNING g.ctid;
