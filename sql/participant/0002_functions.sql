-- The guard as functions, for services in any language: the tables of 0001_guard.sql, with the same
-- rules and locks as the C library's, so that both may serve the same branches (protocol.md, section 3).
--
-- Applied by troth_postgres_migrate(), or by `psql -f apply.psql`, which may be done again and again. For
-- PostgreSQL's default, READ COMMITTED; another isolation level is safe and fails more often.
--
-- A service executes, where :key is journal, gtid, branch, attempt (headers Troth-Journal, -Gtid, ...):
--
--     BEGIN;
--     SELECT verdict, output, reason, prepared
--         FROM troth_guard.action(:key, 'debit', :body, timeout => :troth_timeout);
--     -- work: the service's own statements; then, with what it answers:
--     SELECT troth_guard.reply(:key, '{"balance": 880}');
--     COMMIT;
--     -- or a business no, in place of reply and COMMIT:
--     ROLLBACK;
--     SELECT verdict, output, reason FROM troth_guard.refuse(:key, 'debit', :body, 'no money');
--
-- To prepare, PREPARE TRANSACTION takes the place of COMMIT, under the name troth_guard.prepared_name(
-- :key); require its exact tag, since a failed transaction says ROLLBACK without an error. It cannot run
-- inside a function, nor can ROLLBACK PREPARED: that is why the service has to do both. The verdicts:
--
--     work        do it, in this transaction; everything else: COMMIT, then answer
--     done        it was done before: 2xx with output (to prepare: vote yes)
--     refused     409 with reason and output
--     prepared    this very attempt is prepared: to prepare vote yes, to execute 503
--     retry       503
--     unknown     older than what is remembered: 500
--     roll_back   ROLLBACK; ROLLBACK PREPARED each name in `prepared`, where 42704 (there is no such)
--                 and 55000 (busy) are no errors; then the same again from BEGIN
--
-- The other calls of a branch:
--
--     compensate  BEGIN; compensation(:key, ...): work means undo it, with the action's output at hand,
--                 then reply(:key, ..., kind => 'compensation') and COMMIT. done: it was undone before,
--                 or there is nothing to undo, and the action is refused if it comes later
--     abort       abort(:key): aborted, committed (with its output), retry, unknown, or roll_back
--     commit      COMMIT PREPARED; after its success and after 42704 committed(:key) says done, unknown
--                 or heuristic (an operator has to look: 409). 55000: 503. Another error, a WARNING: 500
--     status      status(:key): prepared, committed, compensated, aborted or unknown
--     any         now and then forget(): guard rows of old transactions leave
--
-- participant-sdk/examples/ledger_python does all of it.

CREATE TYPE troth_guard.answer AS (
    verdict text,
    output text,     -- one JSON value, byte for byte; NULL: none
    reason text,     -- for people
    prepared text[]  -- what is to be rolled back first
);

-- --- keys --------------------------------------------------------------------------------------------

-- The name of a branch's prepared transaction.
CREATE FUNCTION troth_guard.prepared_name(journal text, gtid uuid, branch integer, attempt integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT format('troth_%s_%s_%s_%s', journal, gtid, branch, attempt)
$$;

-- A gtid is a UUID of version 8: 48 bits of time, version, 12 bits of shard, variant (2), epoch (24),
-- counter (38).
CREATE FUNCTION troth_guard.shard_of(gtid uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT ('x' || lpad(substr(gtid::text, 16, 3), 8, '0'))::bit(32)::integer
$$;

-- (epoch, counter) as one number.
CREATE FUNCTION troth_guard.ordering_of(gtid uuid) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT ('x' || right(replace(gtid::text, '-', ''), 16))::bit(64)::bigint
           & (x'3fffffffffffffff')::bigint
$$;

-- Under (this, attempt) a session holds a shared advisory lock while it works on a branch. It holds
-- nothing up: it tells others which session to end.
CREATE FUNCTION troth_guard.running_key(gtid uuid, branch integer)
RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT ('x' || right(gtid::text, 8))::bit(32)::integer # (branch << 20)
$$;

CREATE FUNCTION troth_guard.request_hash(operation text, input text)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(operation, 'UTF8') || '\x00'::bytea
                  || coalesce(convert_to(input, 'UTF8'), ''::bytea))
$$;

CREATE FUNCTION troth_guard.check_key(journal text, gtid uuid, branch integer, attempt integer)
RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (journal ~ '^[0-9a-f]{16}$' AND substr(gtid::text, 15, 1) = '8'
        AND branch BETWEEN 1 AND 9999 AND attempt BETWEEN 1 AND 9999) IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = format(
            'not a branch of Troth: journal %s, gtid %s, branch %s, attempt %s',
            coalesce(journal, 'NULL'), coalesce(gtid::text, 'NULL'), coalesce(branch::text, 'NULL'),
            coalesce(attempt::text, 'NULL'));
    END IF;
END
$$;

-- --- inside ------------------------------------------------------------------------------------------

CREATE FUNCTION troth_guard.forgotten(journal text, gtid uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = forgotten.journal
                   AND m.shard = troth_guard.shard_of(gtid)
                   AND m.ordering > troth_guard.ordering_of(gtid))
$$;

-- Attempts `first` to `through` of a branch that are prepared in this database by this user.
CREATE FUNCTION troth_guard.prepared(journal text, gtid uuid, branch integer, first integer,
                                     through integer)
RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(x.gid ORDER BY x.attempt), '{}')
    FROM (SELECT p.gid, substring(p.gid FROM '_([1-9][0-9]{0,3})$')::integer AS attempt
          FROM pg_prepared_xacts p
          WHERE p.database = current_database() AND p.owner = current_user
          AND starts_with(p.gid, format('troth_%s_%s_%s_', journal, gtid, branch))) AS x
    WHERE x.attempt BETWEEN first AND through
$$;

-- Inserts the row; a tombstone or refusal of a lower attempt gives way, what is done stays.
-- claimed: it is ours. taken: there is one, or the gtid is forgotten. locked: somebody holds it.
CREATE FUNCTION troth_guard.claim(journal text, gtid uuid, branch integer, attempt integer, kind text,
                                  state text, request bytea, output text, reason text)
RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state, request, output,
                                        reason, shard, ordering)
    SELECT journal, gtid, branch, kind, attempt, state, request, output, reason,
           troth_guard.shard_of(gtid), troth_guard.ordering_of(gtid)
    WHERE NOT troth_guard.forgotten(journal, gtid)
    ON CONFLICT ON CONSTRAINT guard_pkey DO UPDATE
    SET attempt = excluded.attempt, state = excluded.state, request = excluded.request,
        output = excluded.output, reason = excluded.reason
    WHERE g.state <> 'done' AND g.attempt < excluded.attempt;
    RETURN CASE WHEN FOUND THEN 'claimed' ELSE 'taken' END;
EXCEPTION WHEN lock_not_available THEN
    RETURN 'locked';
END
$$;

-- Ends the sessions that work on one of these attempts. true: there was one.
CREATE FUNCTION troth_guard.end_running(gtid uuid, branch integer, through integer)
RETURNS boolean LANGUAGE sql AS $$
    SELECT count(pg_terminate_backend(l.pid)) > 0 FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid = troth_guard.running_key(gtid, branch)::oid AND l.objid::bigint <= through
$$;

-- What this transaction has claimed; it ends with the transaction.
CREATE FUNCTION troth_guard.claimed(journal text, gtid uuid, branch integer, kind text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('troth_guard.claimed', true), '')
           = format('%s %s %s %s', journal, gtid, branch, kind)
$$;

CREATE FUNCTION troth_guard.note_claimed(journal text, gtid uuid, branch integer, kind text)
RETURNS void LANGUAGE sql AS $$
    SELECT set_config('troth_guard.claimed', format('%s %s %s %s', journal, gtid, branch, kind), true)
$$;

-- Work waits no longer than its call; for a lock one second, and no longer than half of that. What is
-- acknowledged is durable.
CREATE FUNCTION troth_guard.set_timeouts(timeout interval) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('lock_timeout', (1 + least(1000, left_ms / 2))::text, true),
           CASE WHEN left_ms IS NOT NULL
           THEN set_config('statement_timeout', (1 + left_ms)::text, true) END,
           CASE WHEN current_setting('synchronous_commit') = 'off'
           THEN set_config('synchronous_commit', 'on', true) END
    FROM (SELECT least(extract(epoch FROM timeout) * 1000, 2147483646)::integer AS left_ms
          WHERE timeout IS NOT NULL) AS given RIGHT JOIN (SELECT 1) AS one ON true
$$;

CREATE FUNCTION troth_guard.says(verdict text, reason text DEFAULT NULL, output text DEFAULT NULL,
                                 prepared text[] DEFAULT '{}')
RETURNS troth_guard.answer LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(verdict, output, reason, prepared)::troth_guard.answer
$$;

-- The answer from an action's row that was there.
CREATE FUNCTION troth_guard.found(journal text, gtid uuid, branch integer, attempt integer, request bytea)
RETURNS troth_guard.answer LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
BEGIN
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'action';
    IF troth_guard.forgotten(journal, gtid) THEN
        RETURN troth_guard.says('unknown', 'older than what the participant remembers');
    ELSIF was.state IS NULL THEN -- it left between two statements
        RETURN troth_guard.says('retry', 'another call of the same branch has just ended');
    ELSIF was.attempt = attempt AND was.request <> request THEN
        RETURN troth_guard.says('refused', 'the same call came before with another input');
    ELSIF was.state = 'done' THEN
        RETURN troth_guard.says('done', NULL, was.output);
    ELSIF was.state = 'refused' AND was.attempt = attempt THEN
        RETURN troth_guard.says('refused', was.reason, was.output);
    END IF;
    RETURN troth_guard.says('refused', 'this attempt was aborted, or replaced by a higher one');
END
$$;

-- --- prepare and execute -----------------------------------------------------------------------------

-- First in the transaction of the work. `input` is the request's body, byte for byte; `timeout` what is
-- left of its Troth-Timeout, whose form PostgreSQL reads as it stands; NULL: none.
CREATE FUNCTION troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    PERFORM troth_guard.set_timeouts(timeout);
    PERFORM pg_advisory_xact_lock_shared(troth_guard.running_key(gtid, branch), attempt);
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
            ELSIF NOT troth_guard.end_running(gtid, branch, attempt - 1) THEN
                RETURN troth_guard.says('retry', 'the same call still runs');
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch does not end');
END
$$;

-- Last in the transaction of the work: keeps the answer, which the same call gets for ever, and lets
-- COMMIT or PREPARE TRANSACTION take the time they need.
CREATE FUNCTION troth_guard.reply(journal text, gtid uuid, branch integer, attempt integer,
                                  output text DEFAULT NULL, kind text DEFAULT 'action')
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    IF NOT troth_guard.claimed(journal, gtid, branch, kind) THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = format('troth_guard.%s() has not said work in this transaction', kind);
    END IF;
    PERFORM output::json; -- or an error
    UPDATE troth_guard.guard g SET output = output WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = kind AND g.attempt = attempt AND output IS NOT NULL;
    PERFORM set_config('statement_timeout', '0', true);
END
$$;

-- A business no, by itself, after the work's own transaction was rolled back. Answer what it says: a
-- duplicate, or an abort, may have been faster.
CREATE FUNCTION troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, reason text, output text DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := troth_guard.request_hash(operation, input);
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    IF troth_guard.claimed(journal, gtid, branch, 'action') THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = 'ROLLBACK the transaction of the work before troth_guard.refuse()';
    END IF;
    PERFORM output::json, troth_guard.set_timeouts(NULL);
    CASE troth_guard.claim(journal, gtid, branch, attempt, 'action', 'refused', hash, output, reason)
    WHEN 'claimed' THEN
        RETURN troth_guard.says('refused', reason, output);
    WHEN 'taken' THEN
        RETURN troth_guard.found(journal, gtid, branch, attempt, hash);
    WHEN 'locked' THEN
        RETURN troth_guard.says('retry', 'the same call runs elsewhere');
    END CASE;
END
$$;

-- --- commit, abort, compensate, status ---------------------------------------------------------------

-- After COMMIT PREPARED: the row that was written inside the prepared transaction says what became of
-- it. That there is no such transaction any more is neither success nor failure.
CREATE FUNCTION troth_guard.committed(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'action';
    IF was.state = 'done' AND was.attempt <= attempt THEN
        RETURN troth_guard.says('done', NULL, was.output);
    ELSIF was.state IS NOT NULL THEN
        RETURN troth_guard.says('heuristic', 'the branch was aborted, or a higher attempt has acted');
    ELSIF troth_guard.forgotten(journal, gtid) THEN
        RETURN troth_guard.says('unknown', 'older than what the participant remembers');
    END IF;
    RETURN troth_guard.says('heuristic', 'the prepared transaction is gone and left no guard row: it'
                                         ' was rolled back or lost outside Troth');
END
$$;

CREATE FUNCTION troth_guard.found_by_abort(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
BEGIN
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'action';
    IF was.state = 'done' AND was.attempt <= attempt THEN
        RETURN troth_guard.says('committed', NULL, was.output);
    ELSIF was.state IS NOT NULL THEN -- also: a higher attempt has acted
        RETURN troth_guard.says('aborted');
    ELSIF troth_guard.forgotten(journal, gtid) THEN
        RETURN troth_guard.says('unknown', 'older than what the participant remembers');
    END IF;
    RETURN troth_guard.says('retry', 'another call of the same branch has just ended');
END
$$;

-- By itself. aborted: this attempt and lower ones never act any more.
CREATE FUNCTION troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer)
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
               AND NOT troth_guard.end_running(gtid, branch, attempt) THEN
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'another call of the same branch runs');
END
$$;

-- The action is done: the compensation's own row.
CREATE FUNCTION troth_guard.claim_compensation(journal text, gtid uuid, branch integer, attempt integer,
                                               hash bytea, action_output text)
RETURNS troth_guard.answer LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
BEGIN
    CASE troth_guard.claim(journal, gtid, branch, attempt, 'compensation', 'done', hash, NULL, NULL)
    WHEN 'claimed' THEN
        PERFORM troth_guard.note_claimed(journal, gtid, branch, 'compensation');
        RETURN troth_guard.says('work', NULL, action_output);
    WHEN 'locked' THEN
        RETURN troth_guard.says('retry', 'the same compensation still runs');
    WHEN 'taken' THEN
        SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
            AND g.branch = branch AND g.kind = 'compensation';
    END CASE;
    IF was.state IS NULL THEN
        RETURN troth_guard.says('unknown', 'older than what the participant remembers');
    ELSIF was.attempt = attempt AND was.request <> hash THEN
        RETURN troth_guard.says('refused', 'the same compensation came before with another input');
    END IF;
    RETURN troth_guard.says('done', NULL, was.output);
END
$$;

-- First in the transaction that undoes. Where the action is not done its tombstone comes before all: it
-- says that there is nothing to undo, and that nothing comes later.
CREATE FUNCTION troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
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
               AND NOT troth_guard.end_running(gtid, branch, attempt - 1) THEN
                EXIT;
            END IF;
        END CASE;
    END LOOP;
    RETURN troth_guard.says('retry', 'the action still runs');
END
$$;

-- What became of a branch; changes nothing.
CREATE FUNCTION troth_guard.status(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    was troth_guard.guard;
    undone troth_guard.guard;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'action';
    SELECT * INTO undone FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'compensation';
    IF undone.state IS NOT NULL THEN
        RETURN troth_guard.says('compensated', NULL, undone.output);
    ELSIF was.state = 'done' THEN
        RETURN troth_guard.says('committed', NULL, was.output);
    ELSIF troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' THEN
        RETURN troth_guard.says('prepared');
    END IF;
    RETURN troth_guard.says(CASE WHEN was.state IS NULL THEN 'unknown' ELSE 'aborted' END);
END
$$;

-- --- retention ---------------------------------------------------------------------------------------

-- By itself, as often as you like, with the gtids of a request's Troth-Oldest-Open header: once in
-- `every`, which must be longer than any call takes, guard rows of older transactions leave and calls of
-- them are unknown from then on. The mark moves first and what is below it leaves a time later, so that
-- an insert that still saw the old mark is not missed. Returns how many rows have left.
CREATE FUNCTION troth_guard.forget(journal text, oldest_open uuid[], every interval DEFAULT '1 minute')
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    rows_max CONSTANT bigint := 10000;
    gone bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(oldest_open) AS o LEFT JOIN troth_guard.mark m
                   ON m.journal = journal AND m.shard = troth_guard.shard_of(o)
                   WHERE m.ordering IS NULL OR (m.ordering < troth_guard.ordering_of(o)
                                                AND m.moved_at <= now() - every)) THEN
        RETURN 0;
    END IF;
    DELETE FROM troth_guard.guard WHERE ctid = ANY (ARRAY(
        SELECT g.ctid FROM troth_guard.guard g
        JOIN troth_guard.mark m ON m.journal = g.journal AND m.shard = g.shard
        WHERE g.journal = journal AND g.ordering < m.ordering AND m.moved_at <= now() - every
        LIMIT rows_max FOR UPDATE OF g SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone < rows_max THEN -- otherwise the next call deletes more
        INSERT INTO troth_guard.mark AS m (journal, shard, ordering)
            SELECT journal, troth_guard.shard_of(o), max(troth_guard.ordering_of(o))
            FROM unnest(oldest_open) AS o GROUP BY 2
            ON CONFLICT ON CONSTRAINT mark_pkey DO UPDATE
            SET ordering = excluded.ordering, moved_at = now()
            WHERE m.ordering < excluded.ordering AND m.moved_at <= now() - every;
    END IF;
    RETURN gone;
END
$$;

INSERT INTO troth_guard.version (version) VALUES (2);
