-- What an operation's own statement is put into, in the place of the one here, where it goes in one message with the
-- claim (claim_or_fail.sql) and with COMMIT or PREPARE TRANSACTION behind it, which takes the time that it needs: its
-- row as one JSON value, kept in the row that was claimed, by its place. A look into the index would make a
-- serialisable transaction depend on whoever inserts his row beside it. Without a row, or with one that may be larger or
-- deeper than an output is allowed to be (it has more opening brackets, perhaps within texts), it fails (22012), so that
-- the server skips what was sent behind it: as a function's, the output is looked at before anything is kept.
prepare troth_row_kept as
with work as (
table troth_guard.version
), said as (
    select row_to_json(work)::text as json from work
), kept as (
    update troth_guard.guard set output = (select json from said)
    where ctid = current_setting('troth.place')::tid
    returning output, set_config('statement_timeout', '0', true)
)
select min(output),
       1 / count(*) filter (where octet_length(convert_to(output, 'UTF8')) <= 524288
                            and length(output) - length(translate(output, '{[', '')) <= 64)
from kept;
