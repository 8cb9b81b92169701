-- From a session that waits to the transaction that holds it up: one row for each session of this server
-- that waits for a lock.
--
--     SELECT * FROM troth_guard.blockers;          then: trothctl tx show GTID

create view troth_guard.blockers as
select h.gtid, h.branch, h.attempt, h.prepared, h.holder, a.pid as waiting_pid, a.datname as waiting_database,
       a.usename as waiting_user, a.application_name as waiting_application, w.since as waiting_since,
       a.query as waiting_query
from (select l.pid, min(l.waitstart) as since from pg_locks l where not l.granted group by l.pid) as w
join troth_guard.holders((select array_agg(l.pid) from pg_locks l where not l.granted)) as h on h.waiter = w.pid
join pg_stat_activity a on a.pid = w.pid;

comment on view troth_guard.blockers is
    'Sessions that wait for a lock, each with the transaction of Troth that holds it up in the end (trothctl tx show)';
comment on column troth_guard.blockers.gtid is
    'the transaction that holds the lock; NULL: none of Troth''s, see holder';
comment on column troth_guard.blockers.branch is 'its branch here';
comment on column troth_guard.blockers.attempt is 'of that branch';
comment on column troth_guard.blockers.prepared is
    'true: it waits for its coordinator''s decision; false: its session still works';
comment on column troth_guard.blockers.holder is 'the prepared transaction''s name, or the session, for people';

comment on schema troth_guard is 'Troth''s guard: what makes each operation of a participant happen exactly once';
comment on table troth_guard.guard is
    'One row for each branch''s action (prepare, execute), another for its compensation, written with the work';
comment on column troth_guard.guard.journal is 'which installation of Troth: the id of its journal';
comment on column troth_guard.guard.gtid is 'the global transaction: trothctl tx show GTID';
comment on column troth_guard.guard.attempt is 'that acted, or the highest that a tombstone refuses';
comment on column troth_guard.guard.state is
    'done: it acted; refused: a business no; tombstone: aborted, or compensated, before it acted';
comment on column troth_guard.guard.output is 'the answer, given again to whoever asks again; JSON, byte for byte';
comment on column troth_guard.guard.ordering is
    'within its shard; the row leaves when the oldest open one has passed it';
comment on table troth_guard.mark is 'up to where rows have left: what is older is answered unknown';
comment on table troth_guard.version is 'migrations that were applied';

insert into troth_guard.version (version) values (8);
