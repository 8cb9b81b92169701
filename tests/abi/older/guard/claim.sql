-- The guard row of a prepare or an execute, behind BEGIN, in the transaction of the work and before it
-- (protocol.md, section 3). One row: it is ours; none: there is one already, or the gtid is forgotten.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
-- $8 statement_timeout of the work, in milliseconds; 0: none
-- $9 lock_timeout for the guard row, which is waited for briefly
-- $10 the branch's name while its session works (troth_guard.running_name())
-- $11 lock_timeout of the work
prepare troth_claim (text, uuid, integer, integer, bytea, integer, bigint, text, text, text, text) as
-- Materialized, so that the timeouts hold, and the session is known by its branch's name, before the row
-- is waited for: its own gate is passed behind the new name (0004_running.sql, say_running()).
with settings as materialized (
    select set_config('statement_timeout', $8, true),
           set_config('lock_timeout', $9, true),
           set_config('application_name', $10, true),
           pg_advisory_lock(1953656692, pg_backend_pid()),
           pg_advisory_unlock(1953656692, pg_backend_pid())
)
-- One row for prepare and execute, so that they meet, and inserted: a look before the insert proves
-- nothing [KINDKEY, SPLITKEY]. A tombstone or refusal of a lower attempt gives way to a higher one
-- [TOMBALL]; what is done stays. Behind what a higher attempt left, nothing of a lower one comes in
-- [LOWERSTAYS].
insert into troth_guard.guard as g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
select $1, $2, $3, 'action', $4, 'done', sha256($5), $6, $7
from settings
where not exists (select from troth_guard.mark m where m.journal = $1 and m.shard = $6 and m.ordering > $7)
on conflict (journal, gtid, branch, kind) do update
set attempt = excluded.attempt, state = excluded.state, request = excluded.request,
    output = excluded.output, reason = excluded.reason
where g.state <> 'done' and g.attempt < excluded.attempt
returning g.ctid, set_config('lock_timeout', $11, true);
