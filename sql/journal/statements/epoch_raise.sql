-- epoch_raise: waits for every write before it, in the order in which writes lock. Every acquisition raises, also
-- the same node's after a restart: one epoch is one memory [SAMEEPOCH].
-- Where another system identifier stands here than under the leader before, or another timeline though its commits did
-- not wait for a standby, the journal may have gone back since: rows of that leader and of later ones may be missing,
-- and so may the epochs that those raised. Then the epoch goes far above them [ABOVEALL], and all below it is lost
-- [LOSTTAIL].
-- Answers: shard, its epoch, whether it may have gone back.
--
-- $1  owner
prepare troth_epoch_raise (uuid) as
with l as materialized (
    select shard, system, timeline, synchronous from troth.shard order by shard for update
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
        epoch = s.epoch + case when b.back then 1024 else 1 end,
        lost = case when b.back then s.epoch + 1023 else s.lost end,
        lost_at = case when b.back then clock_timestamp() else s.lost_at end,
        system = n.system, timeline = n.timeline, synchronous = n.synchronous
    from b, n
    where s.shard = b.shard
        and exists (select from troth.lease t where t.shard = s.shard and t.owner = $1)
    returning s.shard, s.epoch, b.back
)
select shard, epoch, back from u;
