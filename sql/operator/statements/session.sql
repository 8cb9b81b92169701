-- session: what trothctl sets where it looks into a database itself: nothing there may hold it up for long.
prepare troth_session as
select set_config('statement_timeout', '10s', false), set_config('search_path', 'pg_catalog', false);
