-- What became of a branch; changes nothing. In place of 0002's: a row of a lower attempt says nothing of
-- this one, which may still act; and what is prepared is asked first, on a snapshot of its own, so that
-- what is committed in between shows as a row.
CREATE OR REPLACE FUNCTION troth_guard.status(journal text, gtid uuid, branch integer, attempt integer)
RETURNS troth_guard.answer LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
DECLARE
    is_prepared boolean;
    was troth_guard.guard;
    undone troth_guard.guard;
BEGIN
    PERFORM troth_guard.check_key(journal, gtid, branch, attempt);
    is_prepared := troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}';
    SELECT * INTO was FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'action';
    SELECT * INTO undone FROM troth_guard.guard g WHERE g.journal = journal AND g.gtid = gtid
        AND g.branch = branch AND g.kind = 'compensation';
    IF undone.state IS NOT NULL THEN
        RETURN troth_guard.says('compensated', NULL, undone.output);
    ELSIF was.state = 'done' THEN
        RETURN troth_guard.says('committed', NULL, was.output);
    ELSIF is_prepared THEN
        RETURN troth_guard.says('prepared');
    END IF;
    RETURN troth_guard.says(CASE WHEN was.attempt >= attempt THEN 'aborted' ELSE 'unknown' END);
END
$$;

INSERT INTO troth_guard.version (version) VALUES (3);
