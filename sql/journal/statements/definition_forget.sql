-- definition_forget: a hidden one is gone, unless a transaction that has not ended runs it.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
--
-- $1  reading: the last one of this process
-- $2  name
-- $3  version
prepare troth_definition_forget (int8, text, int8) as
with n as materialized (
    select from troth.registry where reading = $1 for share
), w as (
    delete from troth.definition as d using n
    where name = $2 and version = $3 and deleted_at is not null
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
select (select count(*) from n), (select count(*) from w);
