/* What a batch writes: the statement of each kind of row (sql/journal/statements), and which part
 * of a row goes into which of its parameters. */
#include "statements.h"

#include <assert.h>
#include <stddef.h>

#include <journal_sql.h>

const struct statement statements[ROW_KINDS] = {
    [TXN_RECORD_BEGIN] = {"begin", journal_sql_begin},
    [TXN_RECORD_DELEGATE] = {"delegate", journal_sql_delegate},
    [TXN_RECORD_STEP] = {"step", journal_sql_step},
    [TXN_RECORD_DECISION] = {"decision", journal_sql_decision},
    [TXN_RECORD_ATTEMPT] = {"attempt", journal_sql_attempt},
    [TXN_RECORD_OUTCOME] = {"outcome", journal_sql_outcome},
    [TXN_RECORD_END] = {"end", journal_sql_end},
    [ROW_DELETE] = {"delete", journal_sql_delete},
};

const struct statement statements_of_one[ROW_KINDS] = {
    [TXN_RECORD_DECISION] = {"decision_one", journal_sql_decision_one},
};

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

/* `rows`: as arrays of so many; 0: of a single row, its values. */
static void columns_put(const struct batch *batch, unsigned kind, size_t rows,
                        const struct column *columns, size_t count, struct params *params)
{
    for (size_t c = 0; c < count; c++) {
        if (rows == 0)
            params_element(params, columns[c].element);
        else
            params_array(params, columns[c].element, rows);
        for (size_t i = 0; i < batch->count; i++) {
            const struct row *row = batch->rows[i];

            if (row->kind == kind && row->carrier == NULL)
                column_put(&columns[c], row, params);
        }
    }
}

#define COLUMNS_PUT(columns)                                                                       \
    columns_put(batch, kind, rows, columns, sizeof(columns) / sizeof(columns)[0], params)

static void kind_put(const struct batch *batch, unsigned kind, size_t rows, struct params *params)
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

void statement_params(const struct batch *batch, unsigned kind, struct params *params)
{
    kind_put(batch, kind, batch_count_of(batch, kind), params);
}

void statement_params_of_one(const struct batch *batch, unsigned kind, struct params *params)
{
    assert(batch_count_of(batch, kind) == 1);
    kind_put(batch, kind, 0, params);
}

void statement_lock_params(const struct batch *batch, struct params *params)
{
    params_clear(params);
    params_array(params, PARAM_INT4, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        param_element_int4(params, batch->rows[i]->shard);
}
