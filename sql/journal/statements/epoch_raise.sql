-- epoch_raise: waits for every write before it, in the order in which writes lock. Every acquisition raises, also
-- the same node's after a restart: one epoch is one memory [SAMEEPOCH]; and to more than any that this node has seen
-- there, whoever raised it.
-- Where another system identifier stands here than under the leader before, or another timeline though its commits did
-- not wait for a standby, the journal may have gone back since: rows of that leader and of later ones may be missing,
-- and so may the epochs that those raised. Then the epoch goes far above them [ABOVEALL], and all below it is lost
-- [LOSTTAIL].
-- Answers: shard, its epoch, whether it may have gone back.
--
-- $1  owner
-- $2  shards, each once
-- $3  floor of each: the highest epoch seen
prepare troth_epoch_raise (uuid, int4[], int4[]) as
with l as materialized (
    select shard, system, timeline, synchronous from troth.shard
    where shard = any($2) order by shard for update
), f as materialized (
    select * from unnest($2::int4[], $3::int4[]) as f(shard, epoch)
), n as materialized (
    select
        c.system_identifier::text as system,
        left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
        current_setting('synchronous_standby_names') <> '' as synchronous
    from pg_control_system() c
), b as materialized (
    select
        l.shard,
        (l.system <> n.system or (l.timeline <> n.timeline and not l.synchronous)) is true as back
    from l, n
), u as (
    update troth.shard s set
        epoch = greatest(s.epoch, f.epoch) + case when b.back then 1024 else 1 end,
        lost = case when b.back then greatest(s.epoch, f.epoch) + 1023 else s.lost end,
        lost_at = case when b.back then clock_timestamp() else s.lost_at end,
        system = n.system, timeline = n.timeline, synchronous = n.synchronous
    from b, f, n
    where s.shard = b.shard and s.shard = f.shard
        and exists (select from troth.lease t where t.shard = s.shard and t.owner = $1)
    returning s.shard, s.epoch, b.back
)
select shard, epoch, back from u;
