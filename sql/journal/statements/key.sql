-- key: whose idempotency key is it? Those of transactions that began under an older layout have a table of their own.
--
-- $1  shard
-- $2  key
prepare troth_key (int4, text) as
select gtid, request_hash
from troth.txn
where shard = $1 and idempotency_key = $2 and state is null
union all
select gtid, request_hash from troth.idempotency where shard = $1 and key = $2
limit 1;
