-- From a session that waits to the transaction that holds it up: one row for each session of this server
-- that waits for a lock.
--
--     SELECT * FROM troth_guard.blockers;          then: trothctl tx show GTID

CREATE VIEW troth_guard.blockers AS
SELECT h.gtid, h.branch, h.attempt, h.prepared, h.holder, a.pid AS waiting_pid, a.datname AS waiting_database,
       a.usename AS waiting_user, a.application_name AS waiting_application, w.since AS waiting_since,
       a.query AS waiting_query
FROM (SELECT l.pid, min(l.waitstart) AS since FROM pg_locks l WHERE NOT l.granted GROUP BY l.pid) AS w
JOIN troth_guard.holders((SELECT array_agg(l.pid) FROM pg_locks l WHERE NOT l.granted)) AS h ON h.waiter = w.pid
JOIN pg_stat_activity a ON a.pid = w.pid;

COMMENT ON VIEW troth_guard.blockers IS
    'Sessions that wait for a lock, each with the transaction of Troth that holds it up in the end (trothctl tx show)';
COMMENT ON COLUMN troth_guard.blockers.gtid IS
    'the transaction that holds the lock; NULL: none of Troth''s, see holder';
COMMENT ON COLUMN troth_guard.blockers.branch IS 'its branch here';
COMMENT ON COLUMN troth_guard.blockers.attempt IS 'of that branch';
COMMENT ON COLUMN troth_guard.blockers.prepared IS
    'true: it waits for its coordinator''s decision; false: its session still works';
COMMENT ON COLUMN troth_guard.blockers.holder IS 'the prepared transaction''s name, or the session, for people';

COMMENT ON SCHEMA troth_guard IS 'Troth''s guard: what makes each operation of a participant happen exactly once';
COMMENT ON TABLE troth_guard.guard IS
    'One row for each branch''s action (prepare, execute), another for its compensation, written with the work';
COMMENT ON COLUMN troth_guard.guard.journal IS 'which installation of Troth: the id of its journal';
COMMENT ON COLUMN troth_guard.guard.gtid IS 'the global transaction: trothctl tx show GTID';
COMMENT ON COLUMN troth_guard.guard.attempt IS 'that acted, or the highest that a tombstone refuses';
COMMENT ON COLUMN troth_guard.guard.state IS
    'done: it acted; refused: a business no; tombstone: aborted, or compensated, before it acted';
COMMENT ON COLUMN troth_guard.guard.output IS 'the answer, given again to whoever asks again; JSON, byte for byte';
COMMENT ON COLUMN troth_guard.guard.ordering IS
    'within its shard; the row leaves when the oldest open one has passed it';
COMMENT ON TABLE troth_guard.mark IS 'up to where rows have left: what is older is answered unknown';
COMMENT ON TABLE troth_guard.version IS 'migrations that were applied';

INSERT INTO troth_guard.version (version) VALUES (8);
