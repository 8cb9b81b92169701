-- What a branch's row says: state, attempt, whether the request is the same (or none is known), output,
-- reason, and whether the gtid is forgotten. Always one row.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt: of any is told
-- $5 the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
-- $8 'action' or 'compensation'
PREPARE troth_look (text, uuid, integer, integer, bytea, integer, bigint, text) AS
SELECT g.state, g.attempt, coalesce(g.request = sha256($5), true), g.output, g.reason,
       EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = $1 AND m.shard = $6 AND m.ordering > $7)
FROM (SELECT 1) AS one
LEFT JOIN troth_guard.guard g ON g.journal = $1 AND g.gtid = $2 AND g.branch = $3 AND g.kind = $8;
