-- Whether the session's role has what troth_guard.grant_to() gives (0009_grants.sql), and which role it is. Where the
-- schema is not there nothing is missing.
prepare troth_rights as
select coalesce((select bool_and(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
                                 and (c.relname not in ('guard', 'mark')
                                      or (has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')))
                                 and (c.relname <> 'guard' or has_table_privilege(c.oid, 'delete')))
                 from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
                 where n.nspname = 'troth_guard'), true)
       and coalesce((select bool_and(has_function_privilege(p.oid, 'execute'))
                     from pg_namespace n join pg_proc p on p.pronamespace = n.oid
                     where n.nspname = 'troth_guard' and p.proname <> 'grant_to'), true),
       current_user;
