-- key: whose idempotency key is it?
--
-- $1  shard
-- $2  key
prepare troth_key (int4, text) as
select gtid, request_hash from troth.idempotency where shard = $1 and key = $2;
