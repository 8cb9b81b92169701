-- end_one: as end.sql, of a batch that has one.
--
-- $1 shard
-- $2 gtid
-- $3 epoch: under which it is written
-- $4 at: of this record
-- $5 outcome
-- $6 failure
-- $7 steps
-- $8 history
prepare troth_end_one (
    int4, uuid, int4, timestamptz, text, text, text, text
) as
insert into troth.ended (shard, gtid, epoch, ended_at, outcome, failure, steps, history)
values (
    $1::int4, $2::uuid, $3::int4, $4::timestamptz, $5::text, $6::text, $7::text, $8::text
);
