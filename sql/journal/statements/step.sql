-- step: what became of one step of a saga. A number holds the epoch that made it: what stands under it is the same
-- record, written by an earlier try, or one that it supersedes.
-- Behind fence.sql, which has looked at the epochs. One array a column, of the rows of a batch.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 seq: of the record
-- $5 at: of this record
-- $6 step
prepare troth_step (
    int4[], uuid[], int4[], int8[], timestamptz[], text[]
) as
insert into troth.record as p (shard, gtid, seq, epoch, kind, at, payload)
select r.shard, r.gtid, r.seq, r.epoch, 'step', r.at, r.step
from unnest(
    $1::int4[], $2::uuid[], $3::int4[], $4::int8[], $5::timestamptz[], $6::text[]
) as r(
    shard, gtid, epoch, seq, at, step
)
on conflict (gtid, shard, seq) do update set at = excluded.at, payload = excluded.payload;
