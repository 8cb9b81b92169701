-- definition_forget: a hidden one is gone, unless a transaction that has not ended runs it; one that another node
-- has begun may have no row yet, so where one lives its text stays for a minute. It is hidden: no change that counts.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
-- Answers: whether it was the last reading, whether it was done, how many changes there were then.
--
-- $1  owner: this process
-- $2  reading: its last one
-- $3  name
-- $4  version
prepare troth_definition_forget (uuid, int8, text, int8) as
with n as materialized (
    select from troth.registry_reader where owner = $1 and reading = $2 for share
), w as (
    delete from troth.definition as d using n
    where name = $3 and version = $4 and deleted_at is not null
        and (
            d.deleted_at < clock_timestamp() - interval '1 minute'
            or not exists (
                select from troth.node where owner <> $1 and live_until > clock_timestamp()
            )
        )
        and not exists (
            select from troth.open as o join troth.txn as t using (gtid, shard)
            where t.definition = d.name and t.definition_version = d.version
        )
        and not exists (
            select from troth.txn as t
            where t.gtid > (select s.swept from troth.shard as s order by s.swept limit 1)
                and t.definition = d.name and t.definition_version = d.version
                and not exists (
                    select from troth.ended as e where e.gtid = t.gtid and e.shard = t.shard
                )
        )
    returning name
)
select (select count(*) from n), (select count(*) from w), null::int8;
