/* What a batch writes (sql/journal/statements): which rows go with which statement, and which part
 * of a row goes into which of its parameters. */
#include "statements.h"

#include <stddef.h>
#include <string.h>

#include <journal_sql.h>

enum source { FROM_UINT32, FROM_UINT64, FROM_BOOL, FROM_GTID, FROM_SPAN, FROM_WALL };

struct column {
    Oid element;
    enum source source;
    size_t offset;
};

#define AT(member) offsetof(struct row, member)

/* Which row it is, and under which epoch it is written: the first of every statement. */
static const struct column key_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(shard)},
    {PARAM_UUID, FROM_GTID, AT(origin.gtid)},
    {PARAM_INT4, FROM_UINT32, AT(record.epoch)},
};

static const struct column begin_columns[] = {
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
    {PARAM_TEXT, FROM_SPAN, AT(record.members)},
    {PARAM_INT4, FROM_UINT32, AT(record.delegated_branch)},
};

static const struct column handed_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(record.handed)},
    {PARAM_BOOL, FROM_BOOL, AT(record.closed)},
};

static const struct column decide_columns[] = {
    {PARAM_TEXT, FROM_SPAN, AT(decision)},
    {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)},
};

static const struct column event_columns[] = {
    {PARAM_UUID, FROM_SPAN, AT(event_id)},      {PARAM_INT8, FROM_UINT64, AT(event.seq)},
    {PARAM_TEXT, FROM_SPAN, AT(event.topic)},   {PARAM_TEXT, FROM_SPAN, AT(event.key)},
    {PARAM_TEXT, FROM_SPAN, AT(event.type)},    {PARAM_TEXT, FROM_SPAN, AT(event.payload)},
    {PARAM_TEXT, FROM_SPAN, AT(event.headers)},
};

static const struct column delegate_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(record.attempt)},
    {PARAM_TEXT, FROM_SPAN, AT(record.members)},
    {PARAM_INT4, FROM_UINT32, AT(record.delegated_branch)},
};

static const struct column step_columns[] = {
    {PARAM_INT8, FROM_UINT64, AT(record.step_seq)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)},
    {PARAM_TEXT, FROM_SPAN, AT(record.step)},
};

static const struct column decision_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(record.attempt)},
    {PARAM_TEXT, FROM_SPAN, AT(decision)},
    {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_INT4, FROM_UINT32, AT(record.delegated_branch)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)},
    {PARAM_TEXT, FROM_SPAN, AT(record.members)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)},
};

static const struct column attempt_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(record.attempt)},
    {PARAM_TEXT, FROM_SPAN, AT(protocol)},
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)},
    {PARAM_TEXT, FROM_SPAN, AT(record.members)},
    {PARAM_INT4, FROM_UINT32, AT(record.delegated_branch)},
    {PARAM_TEXT, FROM_SPAN, AT(decision)},
    {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)},
    {PARAM_TEXT, FROM_SPAN, AT(record.fallback)},
};

static const struct column outcome_columns[] = {
    {PARAM_INT4, FROM_UINT32, AT(record.attempt)},
    {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)},
};

static const struct column end_columns[] = {
    {PARAM_TIMESTAMP, FROM_WALL, AT(record.at)}, {PARAM_TEXT, FROM_SPAN, AT(outcome)},
    {PARAM_TEXT, FROM_SPAN, AT(record.failure)}, {PARAM_TEXT, FROM_SPAN, AT(record.steps)},
    {PARAM_TEXT, FROM_SPAN, AT(record.history)},
};

static const struct column delete_columns[] = {
    {PARAM_UUID, FROM_SPAN, AT(event_id)},
};

#define COLUMN_LISTS 3

struct statement {
    struct statement_text forms[FORMS_COUNT]; /* without one of its own it is the first */
    struct {
        const struct column *list;
        size_t count;
    } columns[COLUMN_LISTS];
};

#define LIST(columns)                                                                              \
    {                                                                                              \
        columns, sizeof(columns) / sizeof(columns)[0]                                              \
    }

static const struct statement statements[STATEMENTS_COUNT] = {
    [STATEMENT_BEGIN] = {{{"begin", journal_sql_begin, ANSWERS_TAG},
                          [FORM_AGAIN] = {"begin_again", journal_sql_begin_again, ANSWERS_ROWS}},
                         {LIST(key_columns), LIST(begin_columns), LIST(handed_columns)}},
    [STATEMENT_DECIDE] = {{{"decide", journal_sql_decide, ANSWERS_TAG},
                           [FORM_ONE] = {"decide_one", journal_sql_decide_one, ANSWERS_TAG}},
                          {LIST(key_columns), LIST(begin_columns), LIST(decide_columns)}},
    [STATEMENT_OUTBOX] = {{{"outbox", journal_sql_outbox, ANSWERS_TAG}},
                          {LIST(key_columns), LIST(event_columns)}},
    [STATEMENT_DELEGATE] = {{{"delegate", journal_sql_delegate, ANSWERS_ROWS}},
                            {LIST(key_columns), LIST(delegate_columns)}},
    [STATEMENT_STEP] = {{{"step", journal_sql_step, ANSWERS_TAG},
                         [FORM_AGAIN] = {"step_again", journal_sql_step_again, ANSWERS_ROWS}},
                        {LIST(key_columns), LIST(step_columns)}},
    [STATEMENT_DECISION] = {{{"decision", journal_sql_decision, ANSWERS_NUMBER},
                             [FORM_AGAIN] = {"decision_again", journal_sql_decision_again,
                                             ANSWERS_ROWS}},
                            {LIST(key_columns), LIST(decision_columns), LIST(event_columns)}},
    [STATEMENT_ATTEMPT] = {{{"attempt", journal_sql_attempt, ANSWERS_ROWS}},
                           {LIST(key_columns), LIST(attempt_columns)}},
    [STATEMENT_OUTCOME] = {{{"outcome", journal_sql_outcome, ANSWERS_ROWS}},
                           {LIST(key_columns), LIST(outcome_columns), LIST(event_columns)}},
    [STATEMENT_END] = {{{"end", journal_sql_end, ANSWERS_TAG},
                        [FORM_ONE] = {"end_one", journal_sql_end_one, ANSWERS_TAG},
                        [FORM_AGAIN] = {"end_again", journal_sql_end_again, ANSWERS_ROWS}},
                       {LIST(key_columns), LIST(end_columns)}},
    [STATEMENT_DELETE] = {{{"delete", journal_sql_delete, ANSWERS_ROWS}},
                          {LIST(key_columns), LIST(delete_columns)}},
    [STATEMENT_OPEN_PUT] = {{{"open_put", journal_sql_open_put, ANSWERS_NOTHING}},
                            {LIST(key_columns)}},
    [STATEMENT_OPEN_DROP] = {{{"open_drop", journal_sql_open_drop, ANSWERS_NOTHING}},
                             {LIST(key_columns)}},
};

enum statement_form statement_form(const struct batch *batch, enum statement_kind kind)
{
    const struct statement_text *forms = statements[kind].forms;
    if (batch->rewritten)
        return forms[FORM_AGAIN].sql != NULL ? FORM_AGAIN : FORM_FIRST;
    if (forms[FORM_ONE].sql != NULL && statement_rows(batch, kind) == 1)
        return FORM_ONE;
    return FORM_FIRST;
}

const struct statement_text *statement_text(enum statement_kind kind, enum statement_form form)
{
    return &statements[kind].forms[form];
}

/* --- which rows ---------------------------------------------------------------------------- */

/* With which statement a record goes, by its kind and by the BEGIN that it carries. */
static enum statement_kind row_statement(const struct row *row)
{
    static const enum statement_kind of_kind[ROW_KINDS] = {
        [TXN_RECORD_BEGIN] = STATEMENT_BEGIN,     [TXN_RECORD_DELEGATE] = STATEMENT_DELEGATE,
        [TXN_RECORD_STEP] = STATEMENT_STEP,       [TXN_RECORD_DECISION] = STATEMENT_DECISION,
        [TXN_RECORD_ATTEMPT] = STATEMENT_ATTEMPT, [TXN_RECORD_OUTCOME] = STATEMENT_OUTCOME,
        [TXN_RECORD_END] = STATEMENT_END,         [ROW_DELETE] = STATEMENT_DELETE,
    };
    if (row->carries && row->kind == TXN_RECORD_DECISION)
        return STATEMENT_DECIDE;
    if (row->carries && row->kind == TXN_RECORD_DELEGATE)
        return STATEMENT_BEGIN;
    return of_kind[row->kind];
}

static bool is_swept(const struct batch *batch, const struct row *row)
{
    return memcmp(row_gtid(row)->bytes, batch->swept.bytes, sizeof batch->swept.bytes) <= 0;
}

static bool row_goes_with(const struct batch *batch, const struct row *row,
                          enum statement_kind kind)
{
    enum statement_kind of;
    if (row->carrier != NULL)
        return false;
    of = row_statement(row);
    if (kind == STATEMENT_OUTBOX)
        return of == STATEMENT_DECIDE && row->has_event;
    if (kind == STATEMENT_OPEN_PUT)
        return (of == STATEMENT_BEGIN || of == STATEMENT_DECIDE) && is_swept(batch, row);
    if (kind == STATEMENT_OPEN_DROP)
        return of == STATEMENT_END && is_swept(batch, row);
    return of == kind;
}

struct row *statement_row(const struct batch *batch, enum statement_kind kind, size_t *n)
{
    for (; *n < batch->count; ++*n)
        if (row_goes_with(batch, batch->rows[*n], kind))
            return batch->rows[*n];
    return NULL;
}

size_t statement_rows(const struct batch *batch, enum statement_kind kind)
{
    size_t count = 0;
    for (size_t n = 0; statement_row(batch, kind, &n) != NULL; n++)
        count++;
    return count;
}

/* --- parameters ---------------------------------------------------------------------------- */

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

/* They are looked for once, and not for each column. */
static const struct row *rows_chained(const struct batch *batch, enum statement_kind kind,
                                      size_t *ret_count)
{
    struct row *first = NULL, *row, **last = &first;
    *ret_count = 0;
    for (size_t n = 0; (row = statement_row(batch, kind, &n)) != NULL; n++) {
        *last = row;
        last = &row->same;
        ++*ret_count;
    }
    *last = NULL;
    return first;
}

void statement_params(const struct batch *batch, enum statement_kind kind, struct params *params)
{
    size_t rows;
    const struct row *first = rows_chained(batch, kind, &rows);
    bool is_one = statement_form(batch, kind) == FORM_ONE;
    params_clear(params);
    for (size_t l = 0; l < COLUMN_LISTS; l++)
        for (size_t c = 0; c < statements[kind].columns[l].count; c++) {
            const struct column *column = &statements[kind].columns[l].list[c];

            if (is_one)
                params_element(params, column->element);
            else
                params_array(params, column->element, rows);
            for (const struct row *row = first; row != NULL; row = row->same)
                column_put(column, row, params);
        }
}

/* Each shard once, in their order: in which a takeover locks them, too. */
struct fence {
    size_t count;
    bool torn; /* rows of one shard have two epochs: then no fence lets the batch through */
    uint32_t shards[TROTH_SHARDS_MAX], epochs[TROTH_SHARDS_MAX]; /* the first `count` of them */
};

/* Where the shard is, or belongs. A batch has few of them. */
static size_t fence_place(const struct fence *fence, uint32_t shard)
{
    size_t low = 0, high = fence->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (fence->shards[middle] < shard)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void fence_take(struct fence *fence, uint32_t shard, uint32_t epoch)
{
    const size_t at = fence_place(fence, shard), behind = fence->count - at;
    if (behind > 0 && fence->shards[at] == shard) {
        fence->torn = fence->torn || fence->epochs[at] != epoch;
        return;
    }
    memmove(fence->shards + at + 1, fence->shards + at, behind * sizeof fence->shards[0]);
    memmove(fence->epochs + at + 1, fence->epochs + at, behind * sizeof fence->epochs[0]);
    fence->shards[at] = shard;
    fence->epochs[at] = epoch;
    fence->count++;
}

void statement_fence_params(const struct batch *batch, struct params *params)
{
    struct fence fence; /* is large, and only its beginning is used */
    fence.count = 0;
    fence.torn = false;
    for (size_t i = 0; i < batch->count; i++)
        fence_take(&fence, batch->rows[i]->shard, batch->rows[i]->record.epoch);
    params_array(params, PARAM_INT4, fence.count);
    for (size_t i = 0; i < fence.count; i++)
        param_element_int4(params, fence.shards[i]);
    params_array(params, PARAM_INT4, fence.count);
    for (size_t i = 0; i < fence.count; i++)
        param_element_int4(params, fence.torn ? 0 : fence.epochs[i]);
}

void statement_lock_params(const struct batch *batch, struct params *params)
{
    params_clear(params);
    params_array(params, PARAM_INT4, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        param_element_int4(params, batch->rows[i]->shard);
}
