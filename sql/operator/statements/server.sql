-- server: one row of what a participant's or the journal's server must be. Times as seconds.
prepare troth_server as
select
    current_setting('server_version_num'), pg_is_in_recovery()::text,
    current_setting('max_prepared_transactions'), (select count(*) from pg_prepared_xacts)::text,
    extract(epoch from clock_timestamp())::float8::text, current_setting('fsync'),
    current_setting('full_page_writes'), current_setting('synchronous_commit'),
    current_setting('server_encoding'), pg_database_size(current_database())::text,
    (select max(age(datfrozenxid)) from pg_database)::text,
    (select setting from pg_settings where name = 'data_directory'),
    coalesce(host(inet_server_addr()), 'local'),
    (to_regclass('troth.txn') is not null)::text,
    (to_regclass('troth_guard.version') is not null)::text;
