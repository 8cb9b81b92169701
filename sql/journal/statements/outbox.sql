-- outbox: the events of what decide.sql has just inserted.
-- Behind fence.sql, which has looked at the epochs. One array a column, of the rows of a batch.
--
-- $1  shard
-- $2  gtid
-- $3  epoch: under which it is written
-- $4  event_id
-- $5  seq: of the outbox
-- $6  topic
-- $7  event_key
-- $8  type
-- $9  payload
-- $10 headers
prepare troth_outbox (
    int4[], uuid[], int4[], uuid[], int8[], text[], text[], text[], text[], text[]
) as
insert into troth.outbox (
    shard, epoch, seq, id, gtid, aggregatetype, aggregateid, type, payload, headers
)
select
    r.shard, r.epoch, r.seq, r.event_id, r.gtid, r.topic, r.event_key, r.type, r.payload, r.headers
from unnest(
    $1::int4[], $2::uuid[], $3::int4[], $4::uuid[], $5::int8[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]
) as r(
    shard, gtid, epoch, event_id, seq, topic, event_key, type, payload, headers
);
