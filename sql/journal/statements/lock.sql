-- lock: before a batch that is written again. The earlier try, if it still runs, holds these rows FOR SHARE to
-- its end: once we have the lock, what it wrote is seen by the statements behind, whose snapshots are younger.
--
-- $1  shards of the batch
prepare troth_lock (int4[]) as
select shard from troth.shard where shard = any($1::int4[]) order by shard for update;
