-- The row of a compensation, behind BEGIN, in the transaction that undoes and before it. One row: it is ours;
-- none: it was undone before, or the gtid is forgotten.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
-- $8 statement_timeout of the work, in milliseconds; 0: none
-- $9 lock_timeout for the guard row, which is waited for briefly
-- $10 lock_timeout of the work
PREPARE troth_claim_compensation (text, uuid, integer, integer, bytea, integer, bigint, text, text, text) AS
WITH settings AS MATERIALIZED (
    SELECT set_config('statement_timeout', $8, true), set_config('lock_timeout', $9, true)
)
INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
SELECT $1, $2, $3, 'compensation', $4, 'done', sha256($5), $6, $7
FROM settings
WHERE NOT EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = $1 AND m.shard = $6 AND m.ordering > $7)
ON CONFLICT DO NOTHING
RETURNING g.ctid, set_config('lock_timeout', $10, true);
