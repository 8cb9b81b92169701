-- Last in the work's transaction: its output into the row that was claimed; COMMIT or PREPARE TRANSACTION
-- comes behind it, and takes the time that it needs.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 the output: one JSON value
-- $6 'action' or 'compensation'
-- $7 the place that the claim returned: a look into the index would make a serialisable transaction depend
--    on whoever inserts his row beside it
PREPARE troth_keep (text, uuid, integer, integer, text, text, tid) AS
UPDATE troth_guard.guard SET output = $5
WHERE ctid = $7 AND journal = $1 AND gtid = $2 AND branch = $3 AND kind = $6 AND attempt = $4
RETURNING set_config('statement_timeout', '0', true);
