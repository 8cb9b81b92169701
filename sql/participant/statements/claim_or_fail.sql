-- As claim.sql; but where no row is written it fails (22012), so that the server skips what was sent behind it;
-- and keeps the row's place for that, as troth.place.
--
-- As there: $1 journal  $2 gtid  $3 branch  $4 attempt  $5 the request  $6 shard  $7 ordering
-- $8 statement_timeout  $9 lock_timeout for the guard row  $10 the branch's name  $11 lock_timeout of the work
PREPARE troth_claim_or_fail (text, uuid, integer, integer, bytea, integer, bigint, text, text, text, text) AS
WITH settings AS MATERIALIZED (
    SELECT set_config('statement_timeout', $8, true),
           set_config('lock_timeout', $9, true),
           set_config('application_name', $10, true),
           pg_advisory_lock(1953656692, pg_backend_pid()),
           pg_advisory_unlock(1953656692, pg_backend_pid())
), claimed AS (
    INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
    SELECT $1, $2, $3, 'action', $4, 'done', sha256($5), $6, $7
    FROM settings
    WHERE NOT EXISTS (SELECT FROM troth_guard.mark m
                      WHERE m.journal = $1 AND m.shard = $6 AND m.ordering > $7)
    ON CONFLICT (journal, gtid, branch, kind) DO UPDATE
    SET attempt = excluded.attempt, state = excluded.state, request = excluded.request,
        output = excluded.output, reason = excluded.reason
    WHERE g.state <> 'done' AND g.attempt < excluded.attempt
    RETURNING g.ctid, set_config('lock_timeout', $11, true)
)
SELECT min(ctid::text), 1 / count(*), set_config('troth.place', min(ctid::text), true) FROM claimed;
