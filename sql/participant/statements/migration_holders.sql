-- Who keeps a migration from going on: who has its lock (migration_lock.sql), or locks on the schema's tables, for
-- people; NULL: nobody any more.
prepare troth_migration_holders as
select string_agg(distinct coalesce('prepared transaction ' || p.gid,
                                    pg_catalog.format('process %s (%s)', l.pid, a.application_name)), ', ')
from pg_locks l
left join pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid'
    and x.virtualtransaction = l.virtualtransaction
left join pg_prepared_xacts p on p.transaction = x.transactionid
left join pg_stat_activity a on a.pid = l.pid
where l.granted and l.pid is distinct from pg_backend_pid()
and (l.relation in (select c.oid from pg_class c where c.relnamespace = to_regnamespace('troth_guard'))
     or (l.locktype = 'advisory' and l.objsubid = 1
         and (l.classid::bigint << 32 | l.objid::bigint) = 500136113256))
and l.database = (select d.oid from pg_database d where d.datname = current_database());
