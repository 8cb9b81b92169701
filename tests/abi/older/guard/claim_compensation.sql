-- The row of a compensation, behind BEGIN, in the transaction that undoes and before it. One row: it is ours;
-- none: it was undone before, or the gtid is forgotten.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
-- $8 statement_timeout of the work, in milliseconds; 0: none
-- $9 lock_timeout for the guard row, which is waited for briefly
-- $10 lock_timeout of the work
prepare troth_claim_compensation (text, uuid, integer, integer, bytea, integer, bigint, text, text, text) as
with settings as materialized (
    select set_config('statement_timeout', $8, true), set_config('lock_timeout', $9, true)
)
insert into troth_guard.guard as g (journal, gtid, branch, kind, attempt, state, request, shard, ordering)
select $1, $2, $3, 'compensation', $4, 'done', sha256($5), $6, $7
from settings
where not exists (select from troth_guard.mark m where m.journal = $1 and m.shard = $6 and m.ordering > $7)
on conflict do nothing
returning g.ctid, set_config('lock_timeout', $10, true);
