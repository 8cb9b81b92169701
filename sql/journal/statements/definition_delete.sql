-- definition_delete: hidden; its text stays while it is needed.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
-- Answers: whether it was the last reading, whether it was done, how many changes there were then.
--
-- $1  owner: this process
-- $2  reading: its last one
-- $3  name
-- $4  version
prepare troth_definition_delete (uuid, int8, text, int8) as
with n as materialized (
    select from troth.registry_reader where owner = $1 and reading = $2 for share
), w as (
    update troth.definition set deleted_at = clock_timestamp()
    from n
    where name = $3 and version = $4 and deleted_at is null
    returning name
), v as (
    update troth.registry set version = version + 1 from w returning version
)
select (select count(*) from n), (select count(*) from w), (select version from v);
