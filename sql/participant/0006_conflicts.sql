-- Conflicts: another transaction holds what this one needs. How long a call waits for locks is the
-- coordinator's choice (header Troth-Lock-Timeout), and who holds them can be asked.
--
-- A statement of the work that fails with 55P03 (a lock not had in time), 40P01 (a deadlock) or 40001 (a
-- serialisation failure), also PREPARE TRANSACTION and COMMIT, is a conflict: ROLLBACK, then answer 409, 425
-- or 503 with the header Troth-Conflict: true. After 40P01 and 40001 nothing is held any more: the same again
-- from BEGIN, for as long as the call might have waited for a lock, may spare the conflict.
--
-- A transaction that prepares in order (header Troth-Ordered: true) waits long, and inside of one database
-- two of them may wait in a circle that PostgreSQL does not see, since what is prepared waits nowhere. Who
-- has waited half a second asks, from another session, holders(ARRAY[pid of the session that waits]), and goes
-- by age: gtids compare as text, smaller is older. Younger than the holder: pg_cancel_backend(pid), and a
-- conflict, with the header Troth-Blocker: <gtid of the holder>. Otherwise it waits on.

-- Whom each of these sessions waits for in the end, behind other sessions that wait themselves: the oldest
-- transaction of Troth that is prepared, or, where there is none, somebody's session. No row for a session
-- that waits for no lock.
CREATE FUNCTION troth_guard.holders(sessions integer[])
RETURNS TABLE (
    waiter integer,
    gtid uuid,        -- of the holder; NULL: no transaction of Troth
    branch integer,
    attempt integer,
    prepared boolean, -- else its session still works
    holder text       -- for people
) LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE l AS MATERIALIZED (
        SELECT k.*, row(k.locktype, k.database, k.relation, k.page, k.tuple, k.virtualxid, k.transactionid,
                        k.classid, k.objid, k.objsubid)::text AS what
        FROM pg_locks k
    ), waits AS MATERIALIZED (
        SELECT w.pid AS waiter, h.pid, h.virtualtransaction AS vxid
        FROM l w JOIN l h ON h.what = w.what AND h.granted AND h.pid IS DISTINCT FROM w.pid
        WHERE NOT w.granted
    ), chain AS (
        SELECT w.waiter AS root, w.pid, w.vxid, 1 AS depth FROM waits w WHERE w.waiter = ANY (sessions)
        UNION
        SELECT c.root, w.pid, w.vxid, c.depth + 1 FROM chain c JOIN waits w ON w.waiter = c.pid
        WHERE c.depth < 16
    ), last AS (
        SELECT DISTINCT c.root, c.pid, c.vxid FROM chain c
        WHERE c.pid IS NULL OR NOT EXISTS (SELECT FROM waits w WHERE w.waiter = c.pid)
    ), named AS (
        SELECT e.root, e.pid, p.gid, a.application_name,
               regexp_match(coalesce(p.gid, 'troth_' || a.application_name),
                            '^troth_[0-9a-f]{16}_([0-9a-f-]{36})_([0-9]{1,4})_([0-9]{1,4})$') AS ours
        FROM last e
        LEFT JOIN l x ON e.pid IS NULL AND x.pid IS NULL AND x.granted AND x.locktype = 'transactionid'
            AND x.virtualtransaction = e.vxid
        LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
        LEFT JOIN pg_stat_activity a ON a.pid = e.pid
        WHERE e.pid IS NOT NULL OR p.gid IS NOT NULL
    )
    SELECT DISTINCT ON (n.root) n.root, n.ours[1]::uuid, n.ours[2]::integer, n.ours[3]::integer, n.pid IS NULL,
           CASE WHEN n.gid IS NOT NULL THEN format('prepared transaction %s', n.gid)
                ELSE format('pid %s, application_name %s', n.pid, coalesce(quote_literal(n.application_name), 'NULL'))
           END
    FROM named n ORDER BY n.root, n.pid IS NULL AND n.ours IS NOT NULL DESC, n.ours IS NOT NULL DESC, n.ours[1], n.pid
$$;

-- Work waits for a lock as long as the coordinator says, and an eighth of its call's time less than that
-- lasts; where it does not say, one second, and no longer than half of the call's time.
CREATE FUNCTION troth_guard.set_lock_timeout(timeout interval, lock_timeout interval)
RETURNS void LANGUAGE sql AS $$
    SELECT set_config('lock_timeout', (1 + CASE WHEN lock_timeout IS NULL THEN least(1000, left_ms / 2)
                                            ELSE least(lock_ms, left_ms - left_ms / 8) END)::text, true)
    FROM (SELECT CASE WHEN timeout IS NOT NULL -- least() passes NULL over
                 THEN least(extract(epoch FROM timeout) * 1000, 2147483646)::integer END AS left_ms,
                 least(extract(epoch FROM lock_timeout) * 1000, 2147483646)::integer AS lock_ms) AS given
$$;

-- 0004's, with the time to wait for the locks of the work: `lock_timeout` is what Troth-Lock-Timeout says;
-- NULL: nothing. The guard's own row is waited for briefly, and never a conflict.
DROP FUNCTION troth_guard.action(text, uuid, integer, integer, text, text, interval);
CREATE FUNCTION troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval DEFAULT NULL,
                                   lock_timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout), troth_guard.set_lock_timeout(timeout, '200ms');
    PERFORM troth_guard.say_running(journal, gtid, branch, attempt);
    IF attempt > 1 THEN
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
    END IF;
    FOR round IN 1..8 LOOP
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'a lower attempt is prepared', NULL, names);
        END IF;
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'done', hash, NULL, NULL)
        WHEN 'claimed' THEN
            PERFORM troth_guard.note_claimed(journal, gtid, branch, 'action');
            PERFORM troth_guard.set_lock_timeout(timeout, lock_timeout);
            RETURN troth_guard.says('work');
        WHEN 'taken' THEN
            RETURN troth_guard.found(journal, gtid, branch, attempt, hash);
        WHEN 'locked' THEN
            names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
            IF names <> '{}' THEN
                CONTINUE;
            ELSIF troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' THEN
                RETURN troth_guard.says('prepared', 'this attempt is prepared');
            ELSIF troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' THEN
                RETURN troth_guard.says('refused', 'a higher attempt is prepared');
            ELSIF NOT troth_guard.end_running(journal, gtid, branch, attempt - 1) THEN
                RETURN troth_guard.says('retry', 'the same call still runs');
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch does not end');
END
$$;

INSERT INTO troth_guard.version (version) VALUES (6);
