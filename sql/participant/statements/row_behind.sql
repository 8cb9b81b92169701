-- What an operation's own statement is put into, in the place of the one here, where it goes in one message with BEGIN
-- before it and COMMIT or PREPARE TRANSACTION behind it, which takes the time that it needs: its row as one JSON value,
-- kept in the guard row, which is written behind the work and once. Only of an attempt that has none below it. Where
-- the row finds no place the statement fails (23505), so that the server skips what was sent behind it; and so it does
-- (22012) without an output, with one that may be larger or deeper than an output is allowed to be (it has more opening
-- brackets, perhaps within texts), and below the mark of what is forgotten [ROWORNOTHING].
--
-- In front of these stand the statement's own parameters: $1 becomes the first behind them.
--
-- $1 journal  $2 gtid  $3 branch  $4 attempt
-- $5 SHA-256 of the request: operation, a zero byte, input
-- $6 shard, $7 ordering: of the gtid
prepare troth_row_behind (text, uuid, integer, integer, bytea, integer, bigint) as
with work as (
table troth_guard.version
)
insert into troth_guard.guard (journal, gtid, branch, kind, attempt, state, request, shard, ordering, output)
select $1::text, $2::uuid, $3::integer, 'action', $4::integer, 'done', $5::bytea, $6::integer, $7::bigint,
       (select row_to_json(work)::text from work)
returning output,
          1 / (output is not null
               and (octet_length(output) <= 128 -- which is neither
                    or (octet_length(pg_catalog.convert_to(output, 'UTF8')) <= 524288
                        and length(output) - length(translate(output, '{[', '')) <= 64))
               and not exists (select from troth_guard.mark m
                               where m.journal = $1::text and m.shard = $6::integer and m.ordering > $7::bigint)
              )::integer,
          set_config('statement_timeout', '0', true);
