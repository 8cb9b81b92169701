-- session_settings: what every session of the journal sets. A role or database may have defaults that suit other
-- programs: timeouts that end an idle session or a long load, another search path. Names that a server does not
-- know are passed by.
--
-- $1  mark: what the session is known by
-- $2  application_name, or null: as it is
-- $3  statement_timeout, or null: none
-- $4  plan_cache_mode, or null: as it is
prepare troth_session_settings (text, text, text, text) as
select
    set_config('troth.session', $1, false),
    set_config('synchronous_commit', 'on', false),
    set_config('search_path', 'pg_catalog', false),
    set_config('jit', 'off', false),
    set_config('enable_seqscan', 'off', false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_deferrable', 'off', false),
    (
        select count(set_config(name, '0', false))
        from pg_settings
        where name in (
            'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
            'idle_session_timeout', 'transaction_timeout'
        )
    ),
    set_config('application_name', coalesce($2, current_setting('application_name')), false),
    set_config('statement_timeout', coalesce($3, '0'), false),
    set_config('plan_cache_mode', coalesce($4, current_setting('plan_cache_mode')), false);
