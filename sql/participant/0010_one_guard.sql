-- One guard: the library in C calls these functions, too, wherever it does not claim a row or keep an output
-- (statements/), so that each rule is written once. What was part of one function alone is one of its own now:
-- who holds a row (held), whether there is something to undo (to_undo). And where library and functions
-- differed, both do what is right:
--
--     refuse() and compensation() wait for a guard row as briefly as the others
--     compensation() of a branch that is forgotten, and whose row says that it never acted, is done
--     abort() below a higher attempt that is prepared says retry at once
--     abort() of a forgotten branch that was prepared, and was rolled back for it, is aborted: say so with
--         abort(:key, rolled_back => true) behind a roll_back
--     compensation() takes the time to wait for the locks of the work, as action() does

-- How long the guard's own row is waited for. A session may choose: SET troth_guard.row_timeout = '50ms'.
CREATE FUNCTION troth_guard.row_timeout() RETURNS interval LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(nullif(current_setting('troth_guard.row_timeout', true), ''), '200ms')::interval;
END
$$;

-- --- 0002's and 0006's, with plans that a session keeps --------------------------------------------------

CREATE OR REPLACE FUNCTION troth_guard.forgotten(journal text, gtid uuid)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    RETURN EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = journal
                   AND m.shard = troth_guard.shard_of(gtid) AND m.ordering > troth_guard.ordering_of(gtid));
END
$$;

CREATE OR REPLACE FUNCTION troth_guard.prepared(journal text, gtid uuid, branch integer, first integer,
                                                through integer)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    names text[];
BEGIN
    SELECT coalesce(array_agg(x.gid ORDER BY x.attempt), '{}') INTO names
    FROM (SELECT p.gid, substring(p.gid FROM '_([1-9][0-9]{0,3})$')::integer AS attempt
          FROM pg_prepared_xacts p
          WHERE p.database = current_database() AND p.owner = current_user
          AND starts_with(p.gid, format('troth_%s_%s_%s_', journal, gtid, branch))) AS x
    WHERE x.attempt BETWEEN first AND through;
    RETURN names;
END
$$;

CREATE OR REPLACE FUNCTION troth_guard.set_timeouts(timeout interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    left_ms integer;
BEGIN
    IF timeout IS NOT NULL THEN -- least() passes NULL over
        left_ms := least(extract(epoch FROM timeout) * 1000, 2147483646)::integer;
        PERFORM set_config('statement_timeout', (1 + left_ms)::text, true);
    END IF;
    PERFORM set_config('lock_timeout', (1 + least(1000, left_ms / 2))::text, true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION troth_guard.set_lock_timeout(timeout interval, lock_timeout interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    left_ms integer;
    lock_ms integer;
BEGIN
    IF timeout IS NOT NULL THEN
        left_ms := least(extract(epoch FROM timeout) * 1000, 2147483646)::integer;
    END IF;
    lock_ms := CASE WHEN lock_timeout IS NULL THEN least(1000, left_ms / 2)
               ELSE least(extract(epoch FROM lock_timeout) * 1000, 2147483646, left_ms - left_ms / 8) END;
    PERFORM set_config('lock_timeout', (1 + lock_ms)::text, true);
END
$$;

-- --- who holds a branch's row ---------------------------------------------------------------------------

-- Somebody's transaction does, and the lock timeout has passed: what is to be done about it. Nobody waits for a
-- row without limit: a lock timeout, a look at who holds it, again [NOLOOP]. A lower attempt that is prepared is
-- rolled back, one that runs is ended [NOKILL].
--
--     roll_back   attempts up to `roll_back_through` are prepared
--     prepared    this attempt is
--     higher      a higher one is
--     again       sessions that worked on attempts up to `end_through` were ended
--     running     none of these: another session works on the branch
CREATE FUNCTION troth_guard.held(journal text, gtid uuid, branch integer, attempt integer,
                                 roll_back_through integer, end_through integer)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    names text[] := troth_guard.prepared(journal, gtid, branch, 1, roll_back_through);
BEGIN
    IF names <> '{}' THEN
        RETURN troth_guard.says('roll_back', 'what has to end is prepared', NULL, names);
    ELSIF roll_back_through < attempt AND troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' THEN
        RETURN troth_guard.says('prepared', 'this attempt is prepared');
    ELSIF troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' THEN
        RETURN troth_guard.says('higher', 'a higher attempt is prepared');
    ELSIF troth_guard.end_running(journal, gtid, branch, end_through) THEN
        RETURN troth_guard.says('again');
    END IF;
    RETURN troth_guard.says('running');
END
$$;

-- What prepare and execute answer, or `again`.
CREATE FUNCTION troth_guard.action_held(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    said troth_guard.answer := troth_guard.held(journal, gtid, branch, attempt, attempt - 1, attempt - 1);
BEGIN
    CASE said.verdict
    WHEN 'higher' THEN
        RETURN troth_guard.says('refused', 'a higher attempt is prepared');
    WHEN 'running' THEN
        RETURN troth_guard.says('retry', 'the same call still runs');
    ELSE
        RETURN said;
    END CASE;
END
$$;

-- In place of 0006's.
CREATE OR REPLACE FUNCTION troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, timeout interval DEFAULT NULL,
                                              lock_timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
    names text[];
    said troth_guard.answer;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout), troth_guard.set_lock_timeout(timeout, troth_guard.row_timeout());
    PERFORM troth_guard.say_running(journal, gtid, branch, attempt);
    IF attempt > 1 THEN
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'a lower attempt is prepared', NULL, names);
        END IF;
    END IF;
    FOR round IN 1..8 LOOP
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'done', hash, NULL, NULL)
        WHEN 'claimed' THEN
            PERFORM troth_guard.note_claimed(journal, gtid, branch, 'action');
            PERFORM troth_guard.set_lock_timeout(timeout, lock_timeout);
            RETURN troth_guard.says('work');
        WHEN 'taken' THEN
            RETURN troth_guard.found(journal, gtid, branch, attempt, hash);
        WHEN 'locked' THEN
            said := troth_guard.action_held(journal, gtid, branch, attempt);
            IF said.verdict <> 'again' THEN
                RETURN said;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch does not end');
END
$$;

-- --- a refusal ------------------------------------------------------------------------------------------

-- By itself, by the hash of its request.
CREATE FUNCTION troth_guard.refuse_request(journal text, gtid uuid, branch integer, attempt integer,
                                           hash bytea, reason text, output text)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM troth_guard.set_timeouts(NULL), troth_guard.set_lock_timeout(NULL, troth_guard.row_timeout());
    CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'refused', hash, output, reason)
    WHEN 'claimed' THEN
        RETURN troth_guard.says('refused', reason, output, fenced => true);
    WHEN 'taken' THEN -- a duplicate, or an abort, was faster: its word stands
        RETURN troth_guard.found(journal, gtid, branch, attempt, hash);
    WHEN 'locked' THEN
        RETURN troth_guard.says('retry', 'the same call runs elsewhere');
    END CASE;
END
$$;

-- In place of 0007's.
CREATE OR REPLACE FUNCTION troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, reason text,
                                              output text DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    IF troth_guard.claimed(journal, gtid, branch, 'action') THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = 'ROLLBACK the transaction of the work before troth_guard.refuse()';
    END IF;
    PERFORM troth_guard.check_output(output);
    RETURN troth_guard.refuse_request(journal, gtid, branch, attempt,
                                      troth_guard.request_hash(operation, input), reason, output);
END
$$;

-- --- abort ----------------------------------------------------------------------------------------------

-- In place of 0004's. By itself. ROLLBACK PREPARED of this attempt and what is below comes first, by itself
-- [TOMBFIRST]; then the tombstone, also where there was nothing [NOTOMB]; then the answer [ACKEARLY].
DROP FUNCTION troth_guard.abort(text, uuid, integer, integer);
CREATE FUNCTION troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer,
                                  rolled_back boolean DEFAULT false)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    names text[];
    said troth_guard.answer;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(NULL), troth_guard.set_lock_timeout(NULL, troth_guard.row_timeout());
    FOR round IN 1..8 LOOP
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'it is prepared', NULL, names);
        ELSIF troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' THEN
            -- It has the row for as long as it takes, and whoever has aborts to do must not wait.
            RETURN troth_guard.says('retry', 'a higher attempt is at work');
        END IF;
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', NULL, NULL, NULL)
        WHEN 'claimed' THEN
            RETURN troth_guard.says('aborted');
        WHEN 'taken' THEN
            said := troth_guard.found_by_abort(journal, gtid, branch, attempt);
            -- What held the row was this attempt, or a lower one, and has not acted; nothing comes later.
            RETURN CASE WHEN said.verdict = 'unknown' AND rolled_back THEN troth_guard.says('aborted') ELSE said END;
        WHEN 'locked' THEN
            said := troth_guard.held(journal, gtid, branch, attempt, attempt, attempt);
            IF said.verdict = 'roll_back' THEN
                RETURN said;
            ELSIF said.verdict <> 'again' THEN -- a higher one replaced this attempt, or is about to
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch runs');
END
$$;

-- --- compensate -----------------------------------------------------------------------------------------

-- Whether there is something to undo. work: the action is done, with this output, and stays so: its row need
-- not be held while it is undone. done: it is not, and never will be: where it was not there its tombstone
-- is now [NOTOMB].
CREATE FUNCTION troth_guard.to_undo(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
    names text[];
    said troth_guard.answer;
    is_forgotten boolean;
BEGIN
    PERFORM troth_guard.set_lock_timeout(NULL, troth_guard.row_timeout());
    FOR round IN 1..8 LOOP
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        IF names <> '{}' THEN
            RETURN troth_guard.says('roll_back', 'the action is prepared', NULL, names);
        END IF;
        is_forgotten := troth_guard.forgotten(journal, gtid); -- before the row, which may leave
        SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
            AND g.branch = branch AND g.kind = 'action';
        IF was.state = 'done' THEN
            RETURN troth_guard.says('work', NULL, was.output);
        ELSIF was.attempt >= attempt OR (was.state IS NOT NULL AND is_forgotten) THEN -- refused or aborted
            RETURN troth_guard.says('done');
        ELSIF is_forgotten THEN
            RETURN troth_guard.says('unknown', 'older than what the participant remembers');
        END IF;
        CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', NULL, NULL, NULL)
        WHEN 'claimed' THEN
            RETURN troth_guard.says('done');
        WHEN 'taken' THEN -- something has just ended: look again
            CONTINUE;
        WHEN 'locked' THEN
            said := troth_guard.held(journal, gtid, branch, attempt, attempt, attempt - 1);
            IF said.verdict = 'roll_back' THEN
                RETURN said;
            ELSIF said.verdict <> 'again' THEN -- the action itself runs: it may end well
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'the action still runs');
END
$$;

-- The compensation's own row was there already. Whatever its input was: the coordinator may have learnt the
-- action's output meanwhile.
CREATE FUNCTION troth_guard.found_by_compensation(journal text, gtid uuid, branch integer)
RETURNS troth_guard.answer LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
BEGIN
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'compensation';
    IF was.state IS NULL THEN
        RETURN troth_guard.says('unknown', 'older than what the participant remembers');
    END IF;
    RETURN troth_guard.says('done', NULL, was.output);
END
$$;

-- In place of 0005's.
CREATE OR REPLACE FUNCTION troth_guard.claim_compensation(journal text, gtid uuid, branch integer,
                                                          attempt integer, hash bytea,
                                                          action_output text)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
BEGIN
    CASE troth_guard.claim(journal, gtid, branch, attempt, 'compensation', 'done', hash, NULL, NULL)
    WHEN 'claimed' THEN
        PERFORM troth_guard.note_claimed(journal, gtid, branch, 'compensation');
        RETURN troth_guard.says('work', NULL, action_output);
    WHEN 'taken' THEN
        RETURN troth_guard.found_by_compensation(journal, gtid, branch);
    WHEN 'locked' THEN
        RETURN troth_guard.says('retry', 'the same compensation still runs');
    END CASE;
END
$$;

-- In place of 0004's. First in the transaction that undoes.
DROP FUNCTION troth_guard.compensation(text, uuid, integer, integer, text, text, interval);
CREATE FUNCTION troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
                                         operation text, input text, timeout interval DEFAULT NULL,
                                         lock_timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    said troth_guard.answer;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout);
    said := troth_guard.to_undo(journal, gtid, branch, attempt);
    IF said.verdict = 'work' THEN
        PERFORM troth_guard.set_lock_timeout(timeout, troth_guard.row_timeout());
        said := troth_guard.claim_compensation(journal, gtid, branch, attempt,
                                               troth_guard.request_hash(operation, input), said.output);
        PERFORM troth_guard.set_lock_timeout(timeout, lock_timeout);
    END IF;
    RETURN said;
END
$$;

INSERT INTO troth_guard.version (version) VALUES (10);
