-- api_key_put: inserted or replaced.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
--
-- $1  reading: the last one of this process
-- $2  name
-- $3  body
prepare troth_api_key_put (int8, text, text) as
with n as materialized (
    select from troth.registry where reading = $1 for share
), w as (
    insert into troth.api_key as k (name, body)
    select $2, $3 from n
    on conflict (name) do update set body = excluded.body, updated_at = clock_timestamp()
    returning name
)
select (select count(*) from n), (select count(*) from w);
