#include "statements.h"

#include <stddef.h>

/* Every statement has this shape (libraries.md):
 *
 *   r  the rows given, one array a column
 *   s  the shards' rows, locked FOR SHARE to the commit: a takeover's update waits for us, and we
 *      for it, and then see its epoch [UNLOCKED]
 *   …  the inserts, of those rows only whose epoch is their shard's [NOEPOCH]; a decision that
 *      stands is not replaced [NOWRITEONCE]
 *   the answer, a row for each row given
 *
 * Membership is asked as "(x in (select …)) is true", not joined: that is always a hashed subplan,
 * where a generic plan, which guesses ten rows, would compare each with each. What stands already
 * is looked up by scalar subqueries under CASE: they run for those rows only that were not written.
 */

#define R_PARAMS                                                                                   \
    "$1::int4[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::bool[], "         \
    "$8::bool[], $9::text[], $10::int8[], $11::text[], $12::text[], $13::text[], $14::text[], "    \
    "$15::text[], $16::int8[], $17::int8[], $18::timestamptz[], $19::timestamptz[], "              \
    "$20::text[], $21::int4[], $22::text[], $23::text[], $24::text[]"
#define R_COLUMNS                                                                                  \
    "shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition, "             \
    "definition_version, input, labels, key, hash, traceparent, timeout_us, prepare_timeout_us, "  \
    "began_at, at, members, delegated, decision, outcome, failure"
#define EVENT_PARAMS                                                                               \
    ", $25::uuid[], $26::int8[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[]"
#define EVENT_COLUMNS   ", event_id, seq, topic, event_key, type, payload, headers"
#define ATTEMPT_PARAMS  ", $25::text[]"
#define ATTEMPT_COLUMNS ", fallback"
#define END_PARAMS      ", $25::text[], $26::text[]"
#define END_COLUMNS     ", steps, history"

#define ROWS(params, columns)                                                                      \
    "with r as materialized (select * from unnest(" params ") with ordinality as r(" columns       \
    ", n)), "                                                                                      \
    "s as materialized (select shard, epoch from troth.shard where shard = any($1) for share), "
#define LED "((r.shard, r.epoch) in (select shard, epoch from s)) is true"

/* The transaction's own row, from whichever statement comes first. */
#define TXN_INSERT_AS(state, more_columns, attempt, delegated, members, more_values)               \
    "insert into troth.txn as t (shard, gtid, epoch, attempt, protocol, mode, interactive, "       \
    "accepted, definition, definition_version, input, labels, idempotency_key, request_hash, "     \
    "traceparent, timeout_us, prepare_timeout_us, began_at, delegated_branch, members, "           \
    "state" more_columns ") select r.shard, r.gtid, r.epoch, " attempt ", r.protocol, r.mode, "    \
    "r.interactive, r.accepted, r.definition, r.definition_version, r.input, r.labels, r.key, "    \
    "r.hash, r.traceparent, r.timeout_us, r.prepare_timeout_us, r.began_at, " delegated            \
    ", " members ", '" state "'" more_values " from r where " LED " "
#define TXN_INSERT(attempt, delegated, members)                                                    \
    TXN_INSERT_AS("open", "", attempt, delegated, members, "")
/* The first row of a transaction that is written brings its idempotency key. */
#define KEY_INSERT                                                                                 \
    "k as (insert into troth.idempotency (shard, key, gtid, request_hash, began_at) "              \
    "select r.shard, r.key, r.gtid, r.hash, r.began_at from r "                                    \
    "where r.key is not null and " LED " on conflict do nothing)"
#define OUTBOX_INSERT(written)                                                                     \
    "o as (insert into troth.outbox (shard, epoch, seq, id, gtid, aggregatetype, aggregateid, "    \
    "type, payload, headers) select r.shard, r.epoch, r.seq, r.event_id, r.gtid, r.topic, "        \
    "r.event_key, r.type, r.payload, r.headers from r "                                            \
    "where r.event_id is not null and (r.gtid in (select gtid from " written ")) is true)"

#define STANDING                                                                                   \
    "(select p.decision from troth.decision p "                                                    \
    "where p.shard = r.shard and p.gtid = r.gtid and p.attempt = r.attempt)"
#define SAME_TXN(condition)                                                                        \
    "(select true from troth.txn p where p.shard = r.shard and p.gtid = r.gtid "                   \
    "and p.epoch = r.epoch and " condition ")"
#define SAME_DECISION                                                                              \
    "(select true from troth.decision p where p.shard = r.shard and p.gtid = r.gtid "              \
    "and p.attempt = r.attempt and p.epoch = r.epoch and p.decision = r.decision)"
#define ANSWER(written, same)                                                                      \
    " select r.n::int4, " LED ", r.gtid in (select gtid from " written "), "                       \
    "case when r.gtid in (select gtid from " written ") then null else " same " end, "             \
    "case when r.gtid in (select gtid from " written ") then null else " STANDING " end from r"

/* Written again by an interactive transaction whose member list grew; behind a decision of its
 * attempt it changes nothing. */
static const char begin_sql[] = ROWS(R_PARAMS, R_COLUMNS) "t as (" TXN_INSERT(
    "r.attempt", "r.delegated",
    "r.members") "and " STANDING " is null "
                 "on conflict (shard, gtid) do update set members = excluded.members, epoch = "
                 "excluded.epoch "
                 "where t.state = 'open' and t.attempt = excluded.attempt returning "
                 "gtid), " KEY_INSERT ANSWER("t",
                                             SAME_TXN("p.members is not distinct from r.members"));

static const char delegate_sql[] = ROWS(R_PARAMS, R_COLUMNS) "t as (" TXN_INSERT(
    "r.attempt", "r.delegated",
    "r.members") "and " STANDING " is null "
                 "on conflict (shard, gtid) do update set delegated_branch = "
                 "excluded.delegated_branch, "
                 "members = excluded.members, epoch = excluded.epoch "
                 "where t.state = 'open' and t.attempt = excluded.attempt and t.delegated_branch = "
                 "0 "
                 "returning gtid), " KEY_INSERT ANSWER(
                     "t", SAME_TXN("p.delegated_branch = r.delegated and p.attempt = r.attempt"));

#define DECISION_INSERT                                                                            \
    "d as (insert into troth.decision (shard, gtid, attempt, epoch, decision, outcome, "           \
    "delegated_branch, decided_at, members, failure) select r.shard, r.gtid, r.attempt, r.epoch, " \
    "r.decision, r.outcome, r.delegated, r.at, r.members, r.failure from r where " LED             \
    " on conflict do nothing returning gtid), "

static const char decision_sql[] =
    ROWS(R_PARAMS EVENT_PARAMS, R_COLUMNS EVENT_COLUMNS) DECISION_INSERT
    "t as (" TXN_INSERT("r.attempt", "r.delegated", "null") "on conflict do nothing), " KEY_INSERT
                                                            ", " OUTBOX_INSERT("d")
                                                                ANSWER("d", SAME_DECISION);

/* protocol and fallback are the attempt's that begins. */
static const char attempt_sql[] =
    ROWS(R_PARAMS ATTEMPT_PARAMS, R_COLUMNS ATTEMPT_COLUMNS) DECISION_INSERT "t as (" TXN_INSERT_AS(
        "open", ", fallback", "r.attempt + 1", "0", "r.members",
        ", r.fallback") "and (r.gtid in (select gtid from d)) is true "
                        "on conflict (shard, gtid) do update set attempt = excluded.attempt, "
                        "protocol = excluded.protocol, members = excluded.members, "
                        "delegated_branch = 0, "
                        "fallback = coalesce(excluded.fallback, t.fallback), epoch = "
                        "excluded.epoch where t.state = 'open' and t.attempt < "
                        "excluded.attempt), " KEY_INSERT ANSWER("d", SAME_DECISION);

/* Behind the row that began its transaction. A number holds the epoch that made it: what stands
 * under it is the same record, written by an earlier try, or one that it supersedes; the latest of
 * a batch holds. */
static const char step_sql[] = ROWS(
    "$1::int4[], $2::uuid[], $3::int4[], $4::int8[], $5::timestamptz[], $6::text[]",
    "shard, gtid, epoch, seq, at, step") "d as (insert into troth.record as p (shard, gtid, seq, "
                                         "epoch, kind, at, payload) select distinct on (r.shard, "
                                         "r.gtid, r.seq) r.shard, r.gtid, r.seq, r.epoch, 'step', "
                                         "r.at, r.step from r where " LED
                                         " order by r.shard, r.gtid, r.seq, r.n desc on conflict "
                                         "(shard, gtid, seq) do update set at = excluded.at, "
                                         "payload = excluded.payload returning gtid, seq) "
                                         "select r.n::int4, " LED
                                         ", (r.gtid, r.seq) in (select gtid, seq from d), "
                                         "true, null::text from r";

static const char outcome_sql[] =
    ROWS(R_PARAMS EVENT_PARAMS, R_COLUMNS EVENT_COLUMNS) "t as (" TXN_INSERT_AS(
        "open", ", outcome, failure", "r.attempt", "r.delegated", "r.members",
        ", r.outcome, r.failure") "on conflict (shard, gtid) do update set outcome = "
                                  "excluded.outcome, "
                                  "failure = coalesce(excluded.failure, t.failure), epoch = "
                                  "excluded.epoch "
                                  "where t.outcome is distinct from excluded.outcome returning "
                                  "gtid), " KEY_INSERT ", " OUTBOX_INSERT("t")
                                      ANSWER("t", SAME_TXN("p.outcome = r.outcome"));

static const char end_sql[] =
    ROWS(R_PARAMS END_PARAMS, R_COLUMNS END_COLUMNS) "t as (" TXN_INSERT_AS(
        "ended", ", outcome, failure, steps, history, ended_at", "r.attempt", "r.delegated",
        "r.members",
        ", r.outcome, r.failure, r.steps, r.history, r.at") "on conflict (shard, gtid) do update "
                                                            "set state = 'ended', attempt = "
                                                            "excluded.attempt, "
                                                            "protocol = excluded.protocol, outcome "
                                                            "= coalesce(excluded.outcome, "
                                                            "t.outcome), "
                                                            "failure = coalesce(excluded.failure, "
                                                            "t.failure), steps = excluded.steps, "
                                                            "history = excluded.history, ended_at "
                                                            "= excluded.ended_at, epoch = "
                                                            "excluded.epoch "
                                                            "where t.state = 'open' returning "
                                                            "gtid), " KEY_INSERT ANSWER(
                                                                "t", SAME_TXN("p.state = 'ended'"));

/* By id: another epoch's row may have the same number. */
static const char delete_sql[] =
    ROWS("$1::int4[], $2::uuid[], $3::int4[], $4::uuid[]",
         "shard, gtid, epoch, id") "d as (delete from troth.outbox o using r where o.shard = "
                                   "r.shard and o.gtid = r.gtid "
                                   "and o.id = r.id and " LED " returning o.id) "
                                   "select r.n::int4, " LED
                                   ", r.id in (select id from d), null::bool, null::text from r";

const struct statement statements[ROW_KINDS] = {
    [TXN_RECORD_BEGIN] = {"begin", begin_sql},
    [TXN_RECORD_DELEGATE] = {"delegate", delegate_sql},
    [TXN_RECORD_STEP] = {"step", step_sql},
    [TXN_RECORD_DECISION] = {"decision", decision_sql},
    [TXN_RECORD_ATTEMPT] = {"attempt", attempt_sql},
    [TXN_RECORD_OUTCOME] = {"outcome", outcome_sql},
    [TXN_RECORD_END] = {"end", end_sql},
    [ROW_DELETE] = {"delete", delete_sql},
};

/* Before a batch that is written again. The earlier try, if it still runs, holds these rows FOR
 * SHARE to its end: once we have the lock, what it wrote is seen by the statements behind, whose
 * snapshots are younger. */
const char *const statement_lock_sql =
    "select shard from troth.shard where shard = any($1::int4[]) order by shard for update";

enum source { FROM_UINT32, FROM_UINT64, FROM_BOOL, FROM_GTID, FROM_SPAN, FROM_WALL };

struct column {
    Oid element;
    enum source source;
    size_t offset;
};

#define AT(member) offsetof(struct row, member)

static const struct column common_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(shard)},
    {PARAM_UUID, FROM_GTID, AT(origin.gtid)},
    {PARAM_INT4, FROM_UINT32, AT(record.epoch)},
    {PARAM_INT4, FROM_UINT32, AT(record.attempt)},
    {PARAM_TEXT, FROM_SPAN, AT(protocol)},
    {PARAM_TEXT, FROM_SPAN, AT(mode)},
    {PARAM_BOOL, FROM_BOOL, AT(origin.interactive)},
    {PARAM_BOOL, FROM_BOOL, AT(origin.accepted)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.definition)},
    {PARAM_INT8, FROM_UINT32, AT(origin.definition_version)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.input)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.labels)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.idempotency_key)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.request_hash)},
    {PARAM_TEXT, FROM_SPAN, AT(origin.traceparent)},
    {PARAM_INT8, FROM_UINT64, AT(origin.timeout_us)},
    {PARAM_INT8, FROM_UINT64, AT(origin.prepare_timeout_us)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(origin.began_at)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)},
    {PARAM_TEXT, FROM_SPAN, AT(record.members)},
    {PARAM_INT4, FROM_UINT32, AT(record.delegated_branch)},
    {PARAM_TEXT, FROM_SPAN, AT(decision)},
    {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)},
};

static const struct column event_columns[] = {
    {PARAM_UUID, FROM_SPAN, AT(event_id)},      {PARAM_INT8, FROM_UINT64, AT(event.seq)},
    {PARAM_TEXT, FROM_SPAN, AT(event.topic)},   {PARAM_TEXT, FROM_SPAN, AT(event.key)},
    {PARAM_TEXT, FROM_SPAN, AT(event.type)},    {PARAM_TEXT, FROM_SPAN, AT(event.payload)},
    {PARAM_TEXT, FROM_SPAN, AT(event.headers)},
};

static const struct column attempt_columns[] = {
    {PARAM_TEXT, FROM_SPAN, AT(record.fallback)},
};

static const struct column step_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(shard)},        {PARAM_UUID, FROM_GTID, AT(origin.gtid)},
    {PARAM_INT4, FROM_UINT32, AT(record.epoch)}, {PARAM_INT8, FROM_UINT64, AT(record.step_seq)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)}, {PARAM_TEXT, FROM_SPAN, AT(record.step)},
};

static const struct column end_columns[] = {
    {PARAM_TEXT, FROM_SPAN, AT(record.steps)},
    {PARAM_TEXT, FROM_SPAN, AT(record.history)},
};

static const struct column delete_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(shard)},
    {PARAM_UUID, FROM_GTID, AT(origin.gtid)},
    {PARAM_INT4, FROM_UINT32, AT(record.epoch)},
    {PARAM_UUID, FROM_SPAN, AT(event_id)},
};

static void column_put(const struct column *column, const struct row *row, struct params *params)
{
    const void *at = (const char *)row + column->offset;

    switch (column->source) {
    case FROM_UINT32:
        if (column->element == PARAM_INT8)
            param_element_int8(params, *(const uint32_t *)at);
        else
            param_element_int4(params, *(const uint32_t *)at);
        break;
    case FROM_UINT64:
        param_element_int8(params, *(const uint64_t *)at);
        break;
    case FROM_BOOL:
        param_element_bool(params, *(const bool *)at);
        break;
    case FROM_GTID:
        param_element_bytes(params, (struct troth_span){at, sizeof(troth_gtid)});
        break;
    case FROM_SPAN:
        param_element_bytes(params, *(const struct troth_span *)at);
        break;
    case FROM_WALL:
        param_element_time(params, *(const struct wall *)at);
        break;
    }
}

static void columns_put(const struct batch *batch, unsigned kind, const struct column *columns,
                        size_t count, struct params *params)
{
    size_t rows = batch_count_of(batch, kind);

    for (size_t c = 0; c < count; c++) {
        params_array(params, columns[c].element, rows);
        for (size_t i = 0; i < batch->count; i++) {
            const struct row *row = batch->rows[i];

            if (row->kind == kind && row->carrier == NULL)
                column_put(&columns[c], row, params);
        }
    }
}

#define COLUMNS_PUT(columns)                                                                       \
    columns_put(batch, kind, columns, sizeof(columns) / sizeof(columns)[0], params)

void statement_params(const struct batch *batch, unsigned kind, struct params *params)
{
    params_clear(params);
    if (kind == ROW_DELETE) {
        COLUMNS_PUT(delete_columns);
        return;
    }
    if (kind == TXN_RECORD_STEP) {
        COLUMNS_PUT(step_columns);
        return;
    }
    COLUMNS_PUT(common_columns);
    if (kind == TXN_RECORD_DECISION || kind == TXN_RECORD_OUTCOME)
        COLUMNS_PUT(event_columns);
    else if (kind == TXN_RECORD_ATTEMPT)
        COLUMNS_PUT(attempt_columns);
    else if (kind == TXN_RECORD_END)
        COLUMNS_PUT(end_columns);
}

void statement_lock_params(const struct batch *batch, struct params *params)
{
    params_clear(params);
    params_array(params, PARAM_INT4, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        param_element_int4(params, batch->rows[i]->shard);
}
