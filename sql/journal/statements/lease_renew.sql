-- lease_renew: the keeper's: which shards are still ours, and the database's clock. One row at least: the shard is null
-- where there is none. It also keeps up what a promotion would mean: whether commits wait for a standby here
-- (epoch_raise.sql); not where a batch holds the shard's row, the next renewal comes soon.
--
-- $1  owner
-- $2  length of the lease, in microseconds
prepare troth_lease_renew (uuid, int8) as
with u as (
    update troth.lease set lease_until = clock_timestamp() + $2 * interval '1 microsecond'
    where owner = $1
    returning shard
), n as materialized (
    select current_setting('synchronous_standby_names') <> '' as synchronous
), l as materialized (
    select s.shard from troth.shard s
    where s.shard in (select shard from u) and s.synchronous <> (select synchronous from n)
    for no key update skip locked
), s as (
    update troth.shard s set synchronous = n.synchronous
    from l, n
    where s.shard = l.shard
)
select u.shard, clock_timestamp() from (select) one left join u on true;
