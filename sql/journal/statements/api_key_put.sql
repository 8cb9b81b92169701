-- api_key_put: inserted or replaced.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
-- Answers: whether it was the last reading, whether it was done, how many changes there were then.
--
-- $1  owner: this process
-- $2  reading: its last one
-- $3  name
-- $4  body
prepare troth_api_key_put (uuid, int8, text, text) as
with n as materialized (
    select from troth.registry_reader where owner = $1 and reading = $2 for share
), w as (
    insert into troth.api_key as k (name, body)
    select $3, $4 from n
    on conflict (name) do update set body = excluded.body, updated_at = clock_timestamp()
    returning name
), v as (
    update troth.registry set version = version + 1 from w returning version
)
select (select count(*) from n), (select count(*) from w), (select version from v);
