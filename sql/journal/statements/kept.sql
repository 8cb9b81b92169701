-- kept: is this still the journal that acknowledged what this leader wrote? On each new connection, before anything is
-- written over it. Without the row that was acknowledged last (batches are written one after the other, so it is there
-- only with all before it) it has gone back. What left by age counts as there.
-- Where the lease may have been over somebody else may have led, and be lost with all that he wrote: so on another
-- server or timeline than before, where commits did not wait for a standby, nothing is written under this epoch any
-- more [TIMELINE]. Where nothing is missing it is noted which server and timeline this is.
-- One row: nothing is missing.
--
-- $1  shards that are led
-- $2  epoch of each
-- $3  shard of the row
-- $4  its gtid
-- $5  kind of record; null: nothing was acknowledged yet
-- $6  attempt
-- $7  number of the record, of a step
-- $8  (epoch, counter) of the gtid
-- $9  the lease has not been over
prepare troth_kept (int4[], int4[], int4, uuid, text, int4, int8, int8, bool) as
with r as materialized (
    select * from unnest($1::int4[], $2::int4[]) as r(shard, epoch)
), n as materialized (
    select
        c.system_identifier::text as system,
        left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
        current_setting('synchronous_standby_names') <> '' as synchronous
    from pg_control_system() c
), k as materialized (
    select
        ($9 or not exists (
            select from r join troth.shard s on s.shard = r.shard, n
            where s.system <> n.system or (s.timeline <> n.timeline and not s.synchronous)
        ))
        and (exists (select from troth.forgotten f where f.shard = $3 and f.mark >= $8)
        or case $5
            when 'begin' then exists (
                select from troth.txn t where t.gtid = $4 and t.shard = $3
            )
            when 'delegate' then exists (
                select from troth.txn t
                where t.gtid = $4 and t.shard = $3
                    and (t.delegated_branch <> 0 or t.attempt > $6)
            )
            when 'step' then exists (
                select from troth.record p
                where p.gtid = $4 and p.shard = $3 and p.seq = $7
            )
            when 'decision' then exists (
                select from troth.decided d
                where d.gtid = $4 and d.shard = $3 and d.attempt = $6
            )
            when 'attempt' then exists (
                select from troth.decided d
                where d.gtid = $4 and d.shard = $3 and d.attempt = $6
            )
            when 'outcome' then exists (
                select from troth.txn t
                where t.gtid = $4 and t.shard = $3 and t.outcome is not null
            )
            when 'end' then exists (
                select from troth.ended e where e.gtid = $4 and e.shard = $3
            )
            else true
        end) as kept
), u as (
    update troth.shard s set
        system = n.system, timeline = n.timeline, synchronous = n.synchronous
    from r, k, n
    where s.shard = r.shard and s.epoch = r.epoch and k.kept
        and (s.system, s.timeline, s.synchronous)
            is distinct from (n.system, n.timeline, n.synchronous)
)
select kept from k;
