-- lease_acquire: all shards or none. The owner is one process: an earlier one of the same node may be taken over
-- at once when its sessions are gone, any other when its lease has run out. An owner's sessions bear its name,
-- the lane's from the statement on that made it the owner, the keeper's beside it.
-- Answers: is it ours; how many microseconds are left of whose it is; which node's; until when, in microseconds.
--
-- $1  node
-- $2  owner: this process
-- $3  length of the lease, in microseconds
-- $4  application_name of the lane, before the owner
prepare troth_lease_acquire (text, uuid, int8, text) as
with l as materialized (
    select shard from troth.lease t
    where owner is null or owner = $2
        or (
            node = $1
            and not exists (
                select from pg_stat_activity a
                where starts_with(a.application_name, 'troth:')
                    and right(a.application_name, 32) = replace(t.owner::text, '-', '')
            )
        )
        or lease_until is null or lease_until <= clock_timestamp()
    order by shard
    for update
), u as (
    update troth.lease t set
        node = $1, owner = $2, lease_until = clock_timestamp() + $3 * interval '1 microsecond'
    where (select count(*) from l) = (select count(*) from troth.lease)
        and t.shard in (select shard from l)
    returning t.shard
)
select
    exists (select from u),
    (
        select (extract(epoch from max(lease_until) - clock_timestamp()) * 1000000)::int8
        from troth.lease
    ),
    (select node from troth.lease order by lease_until desc nulls last limit 1),
    (select (extract(epoch from max(lease_until)) * 1000000)::int8 from troth.lease),
    case when exists (select from u) then
        set_config('application_name', $4 || replace($2::text, '-', ''), false)
    end;
