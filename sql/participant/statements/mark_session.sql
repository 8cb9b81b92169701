-- Puts a mark on this session, and gives the one that it had: so a pooler is seen that gives one session to
-- several clients.
--
-- $1 the mark
PREPARE troth_mark_session (text) AS
WITH before AS MATERIALIZED (SELECT coalesce(current_setting('troth.session', true), '') AS mark)
SELECT mark, set_config('troth.session', $1, false) FROM before;
