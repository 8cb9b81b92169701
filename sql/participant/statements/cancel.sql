-- Its statement ends with 57014.
--
-- $1 process id
prepare troth_cancel (integer) as
select pg_cancel_backend($1);
