-- This role's branches in this database that are prepared, oldest first; the next scan sees the others.
--
-- $1 for so many microseconds or more
-- $2 at most so many
PREPARE troth_scan (bigint, integer) AS
SELECT gid FROM pg_prepared_xacts
WHERE database = current_database() AND owner = current_user AND starts_with(gid, 'troth_')
AND prepared <= now() - $1 * interval '1 microsecond'
ORDER BY prepared
LIMIT $2;
