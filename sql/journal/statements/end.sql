-- end: all have acknowledged: the final form, for people. Where there is a row it fails, and nothing of the batch is
-- written; then end_again.sql tells.
-- Behind fence.sql, which has looked at the epochs. One array a column, of the rows of a batch.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 at: of this record
-- $5 outcome
-- $6 failure
-- $7 steps
-- $8 history
prepare troth_end (
    int4[], uuid[], int4[], timestamptz[], text[], text[], text[], text[]
) as
insert into troth.ended (shard, gtid, epoch, ended_at, outcome, failure, steps, history)
select r.shard, r.gtid, r.epoch, r.at, r.outcome, r.failure, r.steps, r.history
from unnest(
    $1::int4[], $2::uuid[], $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
    $8::text[]
) as r(
    shard, gtid, epoch, at, outcome, failure, steps, history
);
