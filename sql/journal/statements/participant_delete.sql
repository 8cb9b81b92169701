-- participant_delete: gone.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
-- Answers: whether it was the last reading, whether it was done, how many changes there were then.
--
-- $1  owner: this process
-- $2  reading: its last one
-- $3  name
prepare troth_participant_delete (uuid, int8, text) as
with n as materialized (
    select from troth.registry_reader where owner = $1 and reading = $2 for share
), w as (
    delete from troth.participant using n where name = $3 returning name
), v as (
    update troth.registry set version = version + 1 from w returning version
)
select (select count(*) from n), (select count(*) from w), (select version from v);
