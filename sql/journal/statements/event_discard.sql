-- event_discard: an operator gives an event up.
--
-- $1  shard
-- $2  gtid
-- $3  id
prepare troth_event_discard (int4, uuid, uuid) as
with d as (
    delete from troth.outbox where shard = $1 and gtid = $2 and id = $3 returning id
)
select count(*) from d;
