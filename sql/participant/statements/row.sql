-- What an operation's own statement is put into, in the place of the one here, where it runs as a function does:
-- its row as one JSON value.
prepare troth_row as
with work as (
table troth_guard.version
)
select row_to_json(work)::text from work;
