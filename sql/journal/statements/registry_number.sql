-- registry_number: one more reading of the registry, of this process. Its number, and how many changes there were; a
-- change that comes between this and the reading counts for the next one, too. Processes that have not read for a day
-- are forgotten: they know that they have to read again.
--
-- $1  owner: this process
prepare troth_registry_number (uuid) as
with n as (
    insert into troth.registry_reader as r (owner, reading) values ($1, 1)
    on conflict (owner) do update set reading = r.reading + 1, read_at = clock_timestamp()
    returning reading
), d as (
    delete from troth.registry_reader
    where owner <> $1 and read_at < clock_timestamp() - interval '1 day'
)
select n.reading, r.version from n cross join troth.registry as r;
