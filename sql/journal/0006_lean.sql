-- A lean journal: a transaction is one narrow row when it is decided and another when it has ended, and neither
-- is changed afterwards. Rows that are there stay as they are: one that ended before has state 'ended', its steps
-- and its history in troth.txn; one that is open is listed in troth.open.

-- Who leads with an older trothd is fenced by this, and what it had under way is waited for.
update troth.shard set epoch = epoch + 1;

-- How a transaction ended: inserted once. That it is here is what "ended" means.
create table troth.ended (
    gtid     uuid        not null,
    shard    integer     not null,
    epoch    integer     not null,
    ended_at timestamptz not null,
    outcome  text,
    failure  text,
    steps    text,
    history  text,
    primary key (gtid, shard)
);

-- Which transactions were open when their shard was swept: those up to troth.shard.swept that have not ended.
-- What is open beyond that mark, the next sweep finds. So open ones are found without looking through history,
-- and without a row that is written and deleted for each.
create table troth.open (
    gtid  uuid    not null,
    shard integer not null,
    primary key (gtid, shard)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
insert into troth.open (gtid, shard) select gtid, shard from troth.txn where state = 'open';

alter table troth.shard add column swept uuid not null default '00000000-0000-0000-0000-000000000000';

-- A decision that was made before anything of its transaction was written stands in the same row; every other one
-- in troth.decision. state: null in rows of this layout.
alter table troth.txn
    alter column state drop not null,
    add column decision text,
    add column decided_at timestamptz;

-- A gtid begins with its time: with it first, new rows come to the end of the index, and what is listed or swept
-- lies together.
drop index troth.txn_open;
drop index troth.txn_began;
alter table troth.txn drop constraint txn_pkey, add primary key (gtid, shard);
alter table troth.decision drop constraint decision_pkey, add primary key (gtid, shard, attempt);
alter table troth.record drop constraint record_pkey, add primary key (gtid, shard, seq);

-- Nothing of the old layout is behind a mark.
update troth.shard set swept = coalesce((select gtid from troth.txn order by gtid desc limit 1), swept);

-- Keys of transactions that began under this layout; those of earlier ones are in troth.idempotency.
create unique index txn_key on troth.txn (shard, idempotency_key) where state is null and idempotency_key is not null;

-- For people: what the rows of a transaction say together, whatever layout they were written in.
create view troth.transaction as
select
    t.gtid, t.shard, case when e.gtid is null then coalesce(t.state, 'open') else 'ended' end as state,
    coalesce(e.outcome, t.outcome, d.outcome) as outcome, t.mode, t.protocol, t.attempt, t.definition,
    t.definition_version, t.began_at, coalesce(t.decided_at, d.decided_at) as decided_at,
    coalesce(e.ended_at, t.ended_at) as ended_at, coalesce(t.decision, d.decision) as decision,
    coalesce(e.failure, t.failure, d.failure) as failure, t.fallback, t.idempotency_key, t.traceparent, t.labels,
    t.input, coalesce(d.members, t.members) as members, coalesce(e.steps, t.steps) as steps,
    coalesce(e.history, t.history) as history
from troth.txn t
left join troth.decision d on d.gtid = t.gtid and d.shard = t.shard and d.attempt = t.attempt
left join troth.ended e on e.gtid = t.gtid and e.shard = t.shard;
create view troth.decided as
select gtid, shard, attempt, epoch, decision, outcome, delegated_branch, decided_at, members, failure
from troth.decision
union all
select gtid, shard, attempt, epoch, decision, outcome, delegated_branch, decided_at, members, failure
from troth.txn
where decision is not null;

comment on view troth.transaction is
    'What is known of each transaction, for people. trothctl tx show GTID tells the same';
comment on view troth.decided is 'Every decision, for people: one for each attempt that was decided';
comment on table troth.ended is 'How a transaction ended: written once, for people. Without a row here it is open';
comment on column troth.ended.steps is 'JSON for people';
comment on column troth.ended.history is 'JSON for people: the timeline';
comment on table troth.open is 'Those that were open when their shard was swept, up to troth.shard.swept';
comment on column troth.shard.swept is 'the highest gtid up to which troth.open tells every open transaction';
comment on table troth.txn is
    'Transactions as they began; troth.ended has those that have ended. troth.transaction shows both, for people';
comment on column troth.txn.state is
    'open or ended, of transactions that began before schema version 6; null: troth.ended tells it';
comment on column troth.txn.decision is
    'commit or abort, where it was made before anything else was written; else troth.decision tells it';
comment on column troth.txn.outcome is
    'committed, aborted, compensated or mixed; absent where the decision''s row, or that in troth.ended, tells it';
comment on column troth.txn.steps is 'as troth.ended.steps, of transactions that ended before schema version 6';
comment on column troth.txn.history is 'as troth.ended.history, of transactions that ended before schema version 6';
comment on column troth.txn.ended_at is 'as troth.ended.ended_at, of transactions that ended before schema version 6';
comment on table troth.decision is
    'Decisions of attempts that began before them: written once, never changed, told to branches in doubt';
comment on table troth.idempotency is
    'Which transaction began under which Idempotency-Key, before schema version 6; now troth.txn tells it';
