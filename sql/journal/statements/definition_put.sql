-- definition_put: what is published never changes, and comes back as it is when it was hidden with this body. A
-- hidden one with another body is replaced: the daemon asks for that when it runs none of it. Where another node
-- lives, that one may run it: then only what was hidden a minute ago, and no row that has not ended runs.
-- The reading's row is held to the commit, and the next reading waits; none: there was a later reading.
-- Answers: whether it was the last reading, whether it was done, how many changes there were then.
--
-- $1  owner: this process
-- $2  reading: its last one
-- $3  name
-- $4  version
-- $5  body
prepare troth_definition_put (uuid, int8, text, int8, text) as
with n as materialized (
    select from troth.registry_reader where owner = $1 and reading = $2 for share
), w as (
    insert into troth.definition as d (name, version, body)
    select $3, $4, $5 from n
    on conflict (name, version) do update set
        body = excluded.body,
        updated_at = case when d.deleted_at is null then d.updated_at else clock_timestamp() end,
        deleted_at = null
    where d.body = excluded.body or (
        d.deleted_at is not null and not exists (
            select from troth.node where owner <> $1 and live_until > clock_timestamp()
        )
    ) or (
        d.deleted_at < clock_timestamp() - interval '1 minute'
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
    )
    returning name
), v as (
    update troth.registry set version = version + 1 from w returning version
)
select (select count(*) from n), (select count(*) from w), (select version from v);
