-- Puts a mark on this session, and gives the one that it had: so a pooler is seen that gives one session to
-- several clients.
--
-- $1 the mark
prepare troth_mark_session (text) as
with before as materialized (select coalesce(current_setting('troth.session', true), '') as mark)
select mark, set_config('troth.session', $1, false) from before;
