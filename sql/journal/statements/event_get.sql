-- event_get: one event that Kafka has not confirmed.
--
-- $1  shard
-- $2  gtid
-- $3  id
prepare troth_event_get (int4, uuid, uuid) as
select gtid, epoch, seq, id, aggregatetype, aggregateid, type, payload, headers
from troth.outbox
where shard = $1 and gtid = $2 and id = $3;
