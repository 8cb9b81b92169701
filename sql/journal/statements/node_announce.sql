-- node_announce: this process lives, under this name. Not written where another process has the name and is believed
-- to live; it is not, when its sessions are gone: they bear its owner at the end of their names.
-- Answers: whether it was written; else until when the other one is believed to live, in microseconds since 1970.
--
-- $1  node
-- $2  owner: this process
-- $3  how long it is believed to live, in microseconds
-- $4  address: a URL by which other nodes reach it
-- $5  version
-- $6  schema_version
-- $7  public_key: of this process, in hexadecimal
-- $8  leaving: it takes no shards
prepare troth_node_announce (text, uuid, int8, text, text, int4, text, bool) as
with u as (
    insert into troth.node as n (
        node, owner, address, version, schema_version, public_key, live_until, leaving,
        steady_since
    )
    values (
        $1, $2, $4, $5, $6, $7, clock_timestamp() + $3 * interval '1 microsecond', $8,
        clock_timestamp()
    )
    on conflict (node) do update set
        owner = excluded.owner, address = excluded.address, version = excluded.version,
        schema_version = excluded.schema_version, public_key = excluded.public_key,
        started_at = case when n.owner = excluded.owner then n.started_at
            else excluded.started_at end,
        steady_since = case
            when n.owner = excluded.owner and n.live_until > clock_timestamp() then n.steady_since
            else excluded.steady_since
        end,
        seen_at = excluded.seen_at, live_until = excluded.live_until, leaving = excluded.leaving
    where n.owner is null or n.owner = excluded.owner or n.live_until is null
        or n.live_until <= clock_timestamp()
        or not exists (
            select from pg_stat_activity a
            where starts_with(a.application_name, 'troth:')
                and right(a.application_name, 32) = replace(n.owner::text, '-', '')
        )
    returning node
)
select
    exists (select from u),
    (
        select (extract(epoch from n.live_until) * 1000000)::int8
        from troth.node n where n.node = $1
    );
