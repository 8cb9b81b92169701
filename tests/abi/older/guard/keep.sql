-- Last in the work's transaction: its output into the row that was claimed; COMMIT or PREPARE TRANSACTION
-- comes behind it, and takes the time that it needs.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the output: one JSON value
-- $6 'action' or 'compensation'
-- $7 the place that the claim returned: a look into the index would make a serialisable transaction depend
--    on whoever inserts his row beside it
prepare troth_keep (text, uuid, integer, integer, text, text, tid) as
update troth_guard.guard set output = $5
where ctid = $7 and journal = $1 and gtid = $2 and branch = $3 and kind = $6 and attempt = $4
returning set_config('statement_timeout', '0', true);
