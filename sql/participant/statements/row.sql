-- What an operation's own statement is put into, in the place of the one here, where it runs as a function does:
-- its row as one JSON value.
PREPARE troth_row AS
WITH work AS (
TABLE troth_guard.version
)
SELECT row_to_json(work)::text FROM work;
