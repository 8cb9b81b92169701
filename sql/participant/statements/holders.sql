-- Whom each of these sessions waits for (troth_guard.holders()), and how long that one has been prepared,
-- in microseconds.
--
-- $1 process ids
PREPARE troth_holders (integer[]) AS
SELECT h.waiter, h.gtid, h.attempt, h.prepared, h.holder,
       coalesce(extract(epoch FROM clock_timestamp() - p.prepared) * 1000000, 0)::bigint
FROM troth_guard.holders($1) h
LEFT JOIN pg_prepared_xacts p ON p.gid = substr(h.holder, length('prepared transaction ') + 1);
