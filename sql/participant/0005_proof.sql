-- What an answer proves. A refusal says whether a tombstone stands: then this attempt of the branch, and
-- every lower one, has not acted and never will. Answer 409 with the header Troth-State: aborted where
-- `fenced` is true, so that the coordinator need not ask what became of an earlier try.
--
-- And a compensation that is done is done, whatever its input: the coordinator may not know the action's
-- output at first, and name it when it asks again.

ALTER TYPE troth_guard.answer ADD ATTRIBUTE fenced boolean; -- with verdict refused; otherwise NULL

DROP FUNCTION troth_guard.says(text, text, text, text[]);
CREATE FUNCTION troth_guard.says(verdict text, reason text DEFAULT NULL, output text DEFAULT NULL,
                                 prepared text[] DEFAULT '{}', fenced boolean DEFAULT NULL)
RETURNS troth_guard.answer LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(verdict, output, reason, prepared, CASE WHEN verdict = 'refused'
                                                  THEN coalesce(fenced, false) END)::troth_guard.answer
$$;

-- In place of 0002's.
CREATE OR REPLACE FUNCTION troth_guard.found(journal text, gtid uuid, branch integer, attempt integer,
                                             request bytea)
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
        RETURN troth_guard.says('refused', was.reason, was.output, fenced => true);
    END IF;
    RETURN troth_guard.says('refused', 'this attempt was aborted, or replaced by a higher one', fenced => true);
END
$$;

-- In place of 0002's.
CREATE OR REPLACE FUNCTION troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, reason text,
                                              output text DEFAULT NULL)
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
        RETURN troth_guard.says('refused', reason, output, fenced => true);
    WHEN 'taken' THEN
        RETURN troth_guard.found(journal, gtid, branch, attempt, hash);
    WHEN 'locked' THEN
        RETURN troth_guard.says('retry', 'the same call runs elsewhere');
    END CASE;
END
$$;

-- In place of 0002's.
CREATE OR REPLACE FUNCTION troth_guard.claim_compensation(journal text, gtid uuid, branch integer,
                                                          attempt integer, hash bytea,
                                                          action_output text)
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
    END IF;
    RETURN troth_guard.says('done', NULL, was.output);
END
$$;

INSERT INTO troth_guard.version (version) VALUES (5);
