-- What the coordinator keeps of an output is one JSON value of at most 512 KiB and 64 levels of brackets.
-- It says so too late, when the work is committed: so it is checked here, where the service sees why.

CREATE FUNCTION troth_guard.check_output(output text)
RETURNS void LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    brackets text;
BEGIN
    PERFORM output::json; -- or an error
    IF octet_length(convert_to(output, 'UTF8')) > 524288 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the output is larger than 512 KiB';
    END IF;
    -- No deeper than there are opening brackets: mostly that is all there is to look at.
    IF length(output) - length(translate(output, '{[', '')) <= 64 THEN
        RETURN;
    END IF;
    brackets := translate(regexp_replace(regexp_replace(output, '"(\\.|[^"\\])*"', '', 'g'), '[^][{}]', '', 'g'),
                          '{}', '[]');
    FOR level IN 1..64 LOOP -- each takes the innermost away
        brackets := replace(brackets, '[]', '');
    END LOOP;
    IF brackets <> '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the output is nested too deep (at most 64)';
    END IF;
END
$$;

-- In place of 0002's.
CREATE OR REPLACE FUNCTION troth_guard.reply(journal text, gtid uuid, branch integer, attempt integer,
                                             output text DEFAULT NULL, kind text DEFAULT 'action')
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    IF NOT troth_guard.claimed(journal, gtid, branch, kind) THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = format('troth_guard.%s() has not said work in this transaction', kind);
    END IF;
    PERFORM troth_guard.check_output(output);
    UPDATE troth_guard.guard g SET output = output WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = kind AND g.attempt = attempt AND output IS NOT NULL;
    PERFORM set_config('statement_timeout', '0', true);
END
$$;

-- In place of 0005's.
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
    PERFORM troth_guard.check_output(output), troth_guard.set_timeouts(NULL);
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

INSERT INTO troth_guard.version (version) VALUES (7);
