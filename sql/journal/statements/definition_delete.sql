-- definition_delete: hidden; its text stays while it is needed.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
--
-- $1  reading: the last one of this process
-- $2  name
-- $3  version
prepare troth_definition_delete (int8, text, int8) as
with n as materialized (
    select from troth.registry where reading = $1 for share
), w as (
    update troth.definition set deleted_at = clock_timestamp()
    from n
    where name = $2 and version = $3 and deleted_at is null
    returning name
)
select (select count(*) from n), (select count(*) from w);
