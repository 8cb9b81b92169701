-- Whom each of these sessions waits for (troth_guard.holders()), and how long that one has been prepared,
-- in microseconds.
--
-- $1 process ids
prepare troth_holders (integer[]) as
select h.waiter, h.gtid, h.attempt, h.prepared, h.holder,
       coalesce(extract(epoch from clock_timestamp() - p.prepared) * 1000000::numeric, 0)::bigint
from troth_guard.holders($1) h
left join pg_prepared_xacts p on p.gid = substr(h.holder, length('prepared transaction ') + 1);
