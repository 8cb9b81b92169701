-- Its statement ends with 57014.
--
-- $1 process id
PREPARE troth_cancel (integer) AS
SELECT pg_cancel_backend($1);
