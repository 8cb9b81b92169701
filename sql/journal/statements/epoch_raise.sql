-- epoch_raise: waits for every write before it, in the order in which writes lock. Every acquisition raises, also
-- the same node's after a restart: one epoch is one memory [SAMEEPOCH].
--
-- $1  owner
prepare troth_epoch_raise (uuid) as
with l as materialized (
    select shard from troth.shard order by shard for update
), u as (
    update troth.shard s set epoch = epoch + 1
    where s.shard in (select shard from l)
        and exists (select from troth.lease t where t.shard = s.shard and t.owner = $1)
    returning s.shard, s.epoch
)
select shard, epoch from u;
