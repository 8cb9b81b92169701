-- This role's branches in this database that are prepared.
--
-- $1 what their names begin with
PREPARE troth_prepared (text) AS
SELECT gid FROM pg_prepared_xacts
WHERE database = current_database() AND owner = current_user AND starts_with(gid, $1);
