-- Which session works on a branch, by the branch's whole name. In place of 0002's advisory lock, whose key
-- was the low 32 bits of the gtid: branches of other shards have the same ones, and whoever ended one
-- session ended its neighbours.
--
-- While a session works on a branch, and no longer than its transaction, its application_name is the name
-- of the branch: journal, gtid, branch and attempt, as in pg_prepared_xacts without `troth_`. It is seen in
-- pg_stat_activity, and by log_line_prefix in the server's log.
--
-- Between the look at a name and the signal a session may have gone on to another branch. So every backend
-- has a gate, the advisory lock (1953656692, its pid): whoever begins to work on a branch passes his own
-- behind the new name, and whoever ends a session looks and signals inside of that session's. A session is
-- ended in its branch's transaction, or before the first statement of its next one, which loses nothing.

-- At most 63 characters, which is what an application_name may have.
CREATE FUNCTION troth_guard.running_name(journal text, gtid uuid, branch integer, attempt integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT format('%s_%s_%s_%s', journal, gtid, branch, attempt)
$$;

-- This session works on a branch from here to the end of its transaction.
CREATE FUNCTION troth_guard.say_running(journal text, gtid uuid, branch integer, attempt integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('application_name', troth_guard.running_name(journal, gtid, branch, attempt), true);
    PERFORM pg_advisory_lock(1953656692, pg_backend_pid());
    PERFORM pg_advisory_unlock(1953656692, pg_backend_pid());
END
$$;

-- The sessions that work on one of these attempts, as far as they are this role's to end.
CREATE FUNCTION troth_guard.running(journal text, gtid uuid, branch integer, through integer)
RETURNS TABLE (pid integer) LANGUAGE sql VOLATILE AS $$
    SELECT a.pid FROM pg_stat_activity a
    WHERE starts_with(a.application_name, format('%s_%s_%s_', journal, gtid, branch))
    AND substring(a.application_name FROM '_([1-9][0-9]{0,3})$')::integer <= through
    AND a.datname = current_database() AND a.pid <> pg_backend_pid() AND pg_has_role(a.usesysid, 'USAGE')
$$;

-- Ends the session if it still works on one of these attempts. A subtransaction that is always rolled back:
-- so the gate is open again whatever happens, and nobody begins to work meanwhile.
CREATE FUNCTION troth_guard.end_session(session integer, journal text, gtid uuid, branch integer,
                                        through integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    ended boolean := false;
BEGIN
    IF pg_try_advisory_xact_lock(1953656692, session) THEN
        PERFORM pg_stat_clear_snapshot(); -- a transaction sees other sessions as they were at its first look
        SELECT coalesce(bool_or(pg_terminate_backend(r.pid)), false) INTO ended
            FROM troth_guard.running(journal, gtid, branch, through) r WHERE r.pid = session;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'TR001', MESSAGE = 'open the gate';
EXCEPTION WHEN SQLSTATE 'TR001' THEN
    RETURN ended;
END
$$;

-- Ends the sessions that work on one of these attempts. true: there was one.
CREATE FUNCTION troth_guard.end_running(journal text, gtid uuid, branch integer, through integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    ended boolean := false;
    session integer;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    FOREACH session IN ARRAY ARRAY(SELECT r.pid FROM troth_guard.running(journal, gtid, branch, through) r) LOOP
        ended := troth_guard.end_session(session, journal, gtid, branch, through) OR ended;
    END LOOP;
    RETURN ended;
END
$$;

-- --- 0002's, with these ------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout);
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

CREATE OR REPLACE FUNCTION troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    names text[];
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(NULL), set_config('lock_timeout', '200', true);
    FOR round IN 1..8 LOOP
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'it is prepared', NULL, names);
        END IF;
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', NULL, NULL, NULL)
        WHEN 'claimed' THEN
            RETURN troth_guard.says('aborted');
        WHEN 'taken' THEN
            RETURN troth_guard.found_by_abort(journal, gtid, branch, attempt);
        WHEN 'locked' THEN
            IF troth_guard.prepared(journal, gtid, branch, 1, attempt) = '{}'
               AND NOT troth_guard.end_running(journal, gtid, branch, attempt) THEN
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch runs');
END
$$;

CREATE OR REPLACE FUNCTION troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
                                         operation text, input text, timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
    was troth_guard.guard;
    names text[];
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout);
    FOR round IN 1..8 LOOP
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'the action is prepared', NULL, names);
        END IF;
        SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
            AND g.branch = branch AND g.kind = 'action';
        IF was.state = 'done' THEN -- and stays so: its row need not be held while it is undone
            PERFORM troth_guard.set_timeouts(timeout);
            RETURN troth_guard.claim_compensation(journal, gtid, branch, attempt, hash, was.output);
        ELSIF was.attempt >= attempt THEN -- refused or aborted: nothing to undo
            RETURN troth_guard.says('done');
        ELSIF was.state IS NULL AND troth_guard.forgotten(journal, gtid) THEN
            RETURN troth_guard.says('unknown', 'older than what the participant remembers');
        END IF;
        PERFORM set_config('lock_timeout', '200', true);
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', NULL, NULL, NULL)
        WHEN 'claimed' THEN
            RETURN troth_guard.says('done');
        WHEN 'taken' THEN -- something has just ended: look again
            CONTINUE;
        WHEN 'locked' THEN
            IF troth_guard.prepared(journal, gtid, branch, 1, attempt) = '{}'
               AND NOT troth_guard.end_running(journal, gtid, branch, attempt - 1) THEN
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'the action still runs');
END
$$;

DROP FUNCTION troth_guard.end_running(uuid, integer, integer);
DROP FUNCTION troth_guard.running_key(uuid, integer);

INSERT INTO troth_guard.version (version) VALUES (4);
