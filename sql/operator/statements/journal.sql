-- journal: one row of what grows in a journal. Counts are the planner's, since the tables are large.
prepare troth_journal as
select
    (select id from troth.journal),
    (select greatest(0, reltuples)::int8 from pg_class where oid = 'troth.txn'::regclass)::text,
    coalesce((
        select extract(epoch from clock_timestamp() - min(began_at))::int8 from troth.txn
    ), 0)::text,
    (select coalesce(max(mark), 0) > 0 from troth.forgotten)::text,
    (select count(*) from (select 1 from troth.outbox limit 100000) o)::text,
    pg_total_relation_size('troth.txn')::text;
