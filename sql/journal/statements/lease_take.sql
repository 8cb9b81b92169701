-- lease_take: those of these shards that may be taken: free ones that are kept for nobody else who lives, those whose
-- lease has run out, ours, and those of an earlier process of this node whose sessions are gone (they bear its owner at
-- the end of their names). Of each that is ours now: the shard, whose it was (null: it was given back), and for how many
-- microseconds it has been nobody's.
--
-- $1  node
-- $2  owner: this process
-- $3  length of the lease, in microseconds
-- $4  shards
prepare troth_lease_take (text, uuid, int8, int4[]) as
with l as materialized (
    select shard, owner, lease_until from troth.lease t
    where shard = any($4) and (
        owner = $2
        or (
            owner is null
            and (
                wanted_by is null or wanted_by = $2 or wanted_until is null
                or wanted_until <= clock_timestamp()
                or not exists (
                    select from troth.node n
                    where n.owner = t.wanted_by and n.live_until > clock_timestamp()
                )
            )
        )
        or (owner is not null and (lease_until is null or lease_until <= clock_timestamp()))
        or (
            node = $1
            and not exists (
                select from pg_stat_activity a
                where starts_with(a.application_name, 'troth:')
                    and right(a.application_name, 32) = replace(t.owner::text, '-', '')
            )
        )
    )
    order by shard
    for update
), u as (
    update troth.lease t set
        node = $1, owner = $2, lease_until = clock_timestamp() + $3 * interval '1 microsecond',
        wanted_by = null, wanted_until = null
    where t.shard in (select shard from l)
    returning t.shard
)
select
    l.shard, nullif(l.owner, $2),
    greatest((extract(epoch from clock_timestamp() - l.lease_until) * 1000000)::int8, 0)
from l join u using (shard)
order by l.shard;
