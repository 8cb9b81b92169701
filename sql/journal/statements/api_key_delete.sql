-- api_key_delete: gone.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
--
-- $1  reading: the last one of this process
-- $2  name
prepare troth_api_key_delete (int8, text) as
with n as materialized (
    select from troth.registry where reading = $1 for share
), w as (
    delete from troth.api_key using n where name = $2 returning name
)
select (select count(*) from n), (select count(*) from w);
