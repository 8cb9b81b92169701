-- session_fit: one row: whether the database keeps what it acknowledges (session.c has the rules).
prepare troth_session_fit as
select
    pg_is_in_recovery()::text, current_setting('server_encoding'),
    current_setting('client_encoding'), current_setting('synchronous_commit'),
    current_setting('fsync'), current_setting('full_page_writes');
