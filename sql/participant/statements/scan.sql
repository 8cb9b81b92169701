-- This role's branches in this database that are prepared, oldest first; the next scan sees the others.
--
-- $1 for so many microseconds or more
-- $2 at most so many
prepare troth_scan (bigint, integer) as
select gid from pg_prepared_xacts
where database = current_database() and owner = current_user and starts_with(gid, 'troth_')
and prepared <= now() - $1 * interval '1 microsecond'
order by prepared
limit $2;
