-- As claim.sql; but where no row is written it fails (22012), so that the server skips what was sent behind it;
-- and keeps the row's place for that, as troth.place.
--
-- As there: $1 journal  $2 gtid  $3 branch  $4 attempt  $5 the request  $6 shard  $7 ordering
-- $8 statement_timeout  $9 lock_timeout for the guard row  $10 the branch's name  $11 lock_timeout of the work
prepare troth_claim_or_fail (text, uuid, integer, integer, bytea, integer, bigint, text, text, text, text) as
with settings as materialized (
    select set_config('statement_timeout', $8, true),
           set_config('lock_timeout', $9, true),
           set_config('application_name', $10, true),
           pg_advisory_lock(1953656692, pg_backend_pid()),
           pg_advisory_unlock(1953656692, pg_backend_pid())
), claimed as (
    insert into troth_guard.guard as g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
    select $1, $2, $3, 'action', $4, 'done', sha256($5), $6, $7
    from settings
    where not exists (select from troth_guard.mark m
                      where m.journal = $1 and m.shard = $6 and m.ordering > $7)
    on conflict (journal, gtid, branch, kind) do update
    set attempt = excluded.attempt, state = excluded.state, request = excluded.request,
        output = excluded.output, reason = excluded.reason
    where g.state <> 'done' and g.attempt < excluded.attempt
    returning g.ctid, set_config('lock_timeout', $11, true)
)
select min(ctid::text), 1 / count(*), set_config('troth.place', min(ctid::text), true) from claimed;
