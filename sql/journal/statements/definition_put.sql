-- definition_put: what is published never changes, and comes back as it is when it was hidden with this body. A
-- hidden one with another body is replaced: the daemon asks for that when nothing runs it.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
--
-- $1  reading: the last one of this process
-- $2  name
-- $3  version
-- $4  body
prepare troth_definition_put (int8, text, int8, text) as
with n as materialized (
    select from troth.registry where reading = $1 for share
), w as (
    insert into troth.definition as d (name, version, body)
    select $2, $3, $4 from n
    on conflict (name, version) do update set
        body = case when d.deleted_at is null then d.body else excluded.body end,
        updated_at = case when d.deleted_at is null then d.updated_at else clock_timestamp() end,
        deleted_at = null
    returning body = $4 as same
)
select (select count(*) from n), (select count(*) from w where same);
