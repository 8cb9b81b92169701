-- leases: of each shard: who has it, and for how many microseconds; for whom it is kept or meant, and for how many; and
-- whether an earlier process of this node has it whose sessions are gone.
--
-- $1  node
-- $2  owner: this process
prepare troth_leases (text, uuid) as
select
    shard, owner,
    (extract(epoch from lease_until - clock_timestamp()) * 1000000)::int8,
    wanted_by,
    (extract(epoch from wanted_until - clock_timestamp()) * 1000000)::int8,
    t.node = $1 and t.owner <> $2 and not exists (
        select from pg_stat_activity a
        where starts_with(a.application_name, 'troth:')
            and right(a.application_name, 32) = replace(t.owner::text, '-', '')
    )
from troth.lease t
order by shard;
