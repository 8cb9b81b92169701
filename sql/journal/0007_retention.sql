-- What has ended leaves by age. Its mark has a table of its own: raised in the transaction that deletes, it would make
-- every write wait that locks troth.shard.
create table troth.forgotten (
    shard integer not null primary key,
    mark  bigint  not null
) with (fillfactor = 50);
comment on table troth.forgotten is
    'The highest (epoch, counter) of a gtid whose rows were deleted: without a row it is unknown, not aborted';
comment on column troth.shard.forgotten is 'as troth.forgotten, before schema version 7';

-- Rows leave at one end as they come at the other: what they leave behind is cleared away in small steps.
alter table troth.txn set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
alter table troth.ended set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
alter table troth.decision set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
alter table troth.record set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
