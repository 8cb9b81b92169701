-- prepared: what is prepared in the whole cluster, the oldest first: pg_prepared_xacts shows all databases.
prepare troth_prepared as
select
    gid, database, owner, to_char(prepared at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    greatest(0, extract(epoch from clock_timestamp() - prepared))::int8::text
from pg_prepared_xacts
order by prepared;
