/* Lists of transactions, the newest first.
 *
 * No index leads to a participant, an outcome or a definition: each would cost every transaction
 * for the sake of a question that people ask now and then. The rows are looked through in their
 * order, a window of them a statement, and windows grow while they give little. Each is a question
 * of its own, so that what else is asked, first of all by branches in doubt, is answered between
 * two of them, however long the history is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <journal_sql.h>

#include "image.h"
#include "read.h"
#include "ticks.h"

/* Rows looked at by one statement. */
#define LIST_WINDOW_FIRST 1000u
#define LIST_WINDOW_MAX   16000u
#define LIST_GROWS        4u
/* Of all windows of one list; then TROTH_ERROR_TIMEOUT. */
#define LIST_TIME_US UINT64_C(10000000)

#define SCANNED 0
#define LAST    1 /* gtid of the window's last row */
#define WANTED  2 /* rows of the window; those given may be fewer, for their bytes */
#define IMAGE   3

/* What goes on from window to window. The strings lie in `texts`. */
struct list {
    struct journal_filter filter;
    struct buffer texts;
    uint32_t window;
    uint64_t until_us;
};

static void list_destroy(struct list *list)
{
    if (list == NULL)
        return;
    buffer_finish(&list->texts);
    free(list);
}

static void list_drop(void *kept)
{
    list_destroy(kept);
}

static bool looks_through(const struct journal_filter *filter)
{
    return filter->outcome != NULL || filter->definition != NULL || filter->participant != NULL ||
           filter->label != NULL || filter->has_range;
}

static void list_end(struct ask *ask, int error)
{
    (void)ask->fn.list(ask->arg, error, NULL);
}

static int list_ask(struct journal *journal, struct list *list, journal_list_fn fn, void *arg);

/* The window gave less than was asked for, and there is more behind it. */
static void list_next(struct ask *ask, struct list *list)
{
    int error = TROTH_ERROR_TIMEOUT;
    if (clock_mono_us() < list->until_us)
        error = list_ask(ask->journal, list, ask->fn.list, ask->arg);
    else
        list_destroy(list);
    if (error != TROTH_OK)
        list_end(ask, error);
}

/* Gives the rows. false: who asked wants no more. */
static bool list_give(struct ask *ask, const PGresult *result, uint32_t *ret_given)
{
    struct journal_row row;
    for (int i = 0; i < PQntuples(result) && !PQgetisnull(result, i, IMAGE); i++) {
        int error = image_read(result, i, IMAGE, &row);

        row.unreadable = error != TROTH_OK;
        (*ret_given)++;
        if (!ask->fn.list(ask->arg, TROTH_OK, &row))
            return false;
    }
    return true;
}

static void list_take(struct ask *ask, const PGresult *result)
{
    struct list *list = ask->kept;
    uint32_t given = 0, wanted = (uint32_t)field_int8(result, 0, WANTED);
    bool goes_on = list_give(ask, result, &given);
    int last = (int)given - 1;
    ask->kept = NULL;
    goes_on = goes_on && given < list->filter.limit;
    if (goes_on && given < wanted) {
        goes_on = field_uuid(result, last, IMAGE, list->filter.cursor.bytes);
    } else if (goes_on) {
        goes_on = (uint64_t)field_int8(result, 0, SCANNED) >= list->window &&
                  field_uuid(result, 0, LAST, list->filter.cursor.bytes);
        list->window *= LIST_GROWS;
        if (list->window > LIST_WINDOW_MAX)
            list->window = LIST_WINDOW_MAX;
    }
    if (!goes_on) {
        list_destroy(list);
        list_end(ask, TROTH_OK);
        return;
    }
    list->filter.limit -= given;
    list_next(ask, list);
}

static const struct ask_kind ask_list = {
    .sql = journal_sql_list,
    .take = list_take,
    .end = list_end,
};

/* Takes the list; not so when it fails for lack of memory: then it is gone. */
static int list_ask(struct journal *journal, struct list *list, journal_list_fn fn, void *arg)
{
    const struct journal_filter *filter = &list->filter;
    struct ask *ask = ask_create(journal, &ask_list, arg);
    if (ask == NULL) {
        list_destroy(list);
        return TROTH_ERROR_NO_MEMORY;
    }
    ask->fn.list = fn;
    ask->kept = list;
    ask->drop = list_drop;
    params_string(&ask->params, filter->state);
    params_string(&ask->params, filter->outcome);
    params_string(&ask->params, filter->definition);
    params_string(&ask->params, filter->participant);
    params_time(&ask->params, filter->before);
    params_time(&ask->params, filter->after);
    params_uuid(&ask->params, filter->cursor.bytes);
    params_int8(&ask->params, (int64_t)filter->limit);
    params_int8(&ask->params, (int64_t)list->window);
    params_string(&ask->params, filter->label);
    params_uuid(&ask->params, filter->first.bytes);
    params_uuid(&ask->params, filter->last.bytes);
    params_bool(&ask->params, filter->payloads);
    ask_send(ask);
    return TROTH_OK;
}

/* Where a copy of `text` begins in `texts`, which may move. */
static size_t keep(struct buffer *texts, const char *text)
{
    size_t at = texts->len;
    if (text != NULL) {
        buffer_append_text(texts, text);
        buffer_append_char(texts, '\0');
    }
    return at;
}

static bool keep_filter(struct list *list, const struct journal_filter *filter)
{
    size_t state = keep(&list->texts, filter->state), outcome = keep(&list->texts, filter->outcome);
    size_t definition = keep(&list->texts, filter->definition);
    size_t participant = keep(&list->texts, filter->participant);
    size_t label = keep(&list->texts, filter->label);
    if (list->texts.failed)
        return false;
    list->filter = *filter;
    if (filter->state != NULL)
        list->filter.state = list->texts.data + state;
    if (filter->outcome != NULL)
        list->filter.outcome = list->texts.data + outcome;
    if (filter->definition != NULL)
        list->filter.definition = list->texts.data + definition;
    if (filter->participant != NULL)
        list->filter.participant = list->texts.data + participant;
    if (filter->label != NULL)
        list->filter.label = list->texts.data + label;
    return true;
}

/* A gtid begins with its time, which is, but for a moment, when the transaction began: the index
 * leads there. */
#define NEAR_US UINT64_C(10000000)

static void narrow(struct journal_filter *filter)
{
    troth_gtid first = {0}, last;
    memset(last.bytes, 0xff, sizeof last.bytes);
    if (filter->after.us > NEAR_US)
        first = gtid_of_time(filter->after.us - NEAR_US);
    if (filter->before.us != 0)
        last = gtid_of_time(filter->before.us + NEAR_US);
    if (!filter->has_range || memcmp(filter->first.bytes, first.bytes, sizeof first.bytes) < 0)
        filter->first = first;
    if (!filter->has_range || memcmp(filter->last.bytes, last.bytes, sizeof last.bytes) > 0)
        filter->last = last;
    if (filter->after.us == 0)
        filter->after.us = 1; /* 0 stands for infinity */
}

void journal_list(struct journal *journal, const struct journal_filter *filter, journal_list_fn fn,
                  void *arg)
{
    struct list *list = calloc(1, sizeof *list);
    int error;
    assert(filter->limit >= 1 && filter->limit <= 1000);
    if (list == NULL || !keep_filter(list, filter)) {
        list_destroy(list);
        (void)fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    if (!filter->has_cursor)
        memset(list->filter.cursor.bytes, 0xff, sizeof list->filter.cursor.bytes);
    narrow(&list->filter);
    list->window = looks_through(filter) ? LIST_WINDOW_FIRST : filter->limit;
    list->until_us = clock_mono_us() + LIST_TIME_US;
    error = list_ask(journal, list, fn, arg);
    if (error != TROTH_OK)
        (void)fn(arg, error, NULL);
}
