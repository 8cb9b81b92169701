/* The timeline: what the core noted, moment by moment. */
#include <string.h>

#include "text.h"
#include "tree.h"
#include "view.h"
#include <base/duration.h>

/* Beyond this, times are in seconds and not in milliseconds. */
#define MILLISECONDS_UP_TO_US UINT64_C(10000000)

#define COLUMNS_BEFORE_BRANCHES 2u
#define BRANCHES_MAX            (TABLE_COLUMNS_MAX - COLUMNS_BEFORE_BRANCHES)

/* How one timeline is laid out. */
struct layout {
    const cJSON *steps;
    bool seconds;
    int64_t attempt;   /* of the rows so far, the highest */
    bool list;         /* time, who, what; otherwise time, transaction, and a column a branch */
    unsigned branches; /* columns for them */
    struct table table;
};

/* "+1.203ms" as microseconds. */
bool timeline_at(const cJSON *moment, uint64_t *ret_us)
{
    const cJSON *at = member(moment, "at");
    return cJSON_IsString(at) && at->valuestring[0] == '+' &&
           duration_parse(at->valuestring + 1, strlen(at->valuestring + 1), ret_us) == 0;
}

static bool in_seconds(const cJSON *timeline)
{
    const cJSON *entry;
    uint64_t us, last_us = 0;
    cJSON_ArrayForEach (entry, timeline)
        if (timeline_at(entry, &us) && us > last_us)
            last_us = us;
    return last_us >= MILLISECONDS_UP_TO_US;
}

/* --- one moment --------------------------------------------------------------------------------
 */

static void append_at(struct layout *layout, const cJSON *entry)
{
    uint64_t us;
    const cJSON *at = member(entry, "at");
    struct buffer *text = &layout->table.text;
    if (!timeline_at(entry, &us)) {
        if (at != NULL)
            text_append_item(text, at);
        return;
    }
    if (layout->seconds)
        us /= 1000;
    buffer_append_format(text, "+%llu.%03llu", (unsigned long long)(us / 1000),
                         (unsigned long long)(us % 1000));
}

/* Why an answer was none: " 404", ", connection refused". */
static void append_said(struct buffer *text, const cJSON *entry)
{
    const cJSON *status = member(entry, "status"), *trouble = member(entry, "trouble");
    if (status != NULL) {
        buffer_append_char(text, ' ');
        text_append_item(text, status);
    } else if (trouble != NULL) {
        buffer_append_text(text, ", ");
        size_t first = text->len;
        text_append_item(text, trouble);
        for (size_t i = first; i < text->len && !text->failed; i++)
            if (text->data[i] == '_')
                text->data[i] = ' ';
    }
}

/* The answer to what: said only where it is not the last thing that was sent. */
static void append_answer(struct buffer *text, const cJSON *entry, const char *last_op)
{
    const cJSON *vote = member(entry, "vote"), *op = member(entry, "op");
    buffer_append_text(text, "<- ");
    text_append_item(text, member(entry, "result"));
    if (vote != NULL) {
        buffer_append_char(text, ' ');
        text_append_item(text, vote);
    }
    append_said(text, entry);
    if (op != NULL && (last_op == NULL || !item_is(op, last_op))) {
        buffer_append_text(text, " to ");
        text_append_item(text, op);
    }
}

void timeline_append_what(struct buffer *text, const cJSON *entry, const char *last_op)
{
    static const struct {
        const char *moment, *before, *detail, *after;
    } moments[] = {
        {"sent", "-> ", "op", ""},
        {"writing", "writing ", "record", ""},
        {"durable", "", "record", " durable"},
        {"replied", "client told: ", "reply", ""},
        {"left_out", "... ", "count", " moments left out"},
        {"closed", "closed: no more branches", NULL, ""},
        {"published", "event is in Kafka", NULL, ""},
        {"recovered", "taken up again", NULL, ""},
        {"skipped", "skipped: its condition is false", NULL, ""},
        {"fell_back", "fell back to a saga: ", "cause", ""},
        {"turned", "turns back to compensate: ", "cause", ""},
        {"resumed", "an operator said: try again", NULL, ""},
        {"retried", "tried again by itself", NULL, ""},
        {"restarted", "the attempt before ended: ", "cause", ""},
        {"in_order", "prepares in order: one after the other", NULL, ""},
        {"resolved", "an operator said: ", "as", ""},
        {"overruled", "it had answered before an operator's word: ", "as", " counts for nothing"},
        {"doubted", "the journal lost what may have been decided: its branches are asked", NULL,
         ""},
        {"forgotten", "an operator said: do not ask it again", NULL, ""},
    };
    const cJSON *moment = member(entry, "moment");
    if (item_is(moment, "answered")) {
        append_answer(text, entry, last_op);
        return;
    }
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        if (!item_is(moment, moments[i].moment))
            continue;
        buffer_append_text(text, moments[i].before);
        if (moments[i].detail != NULL)
            text_append_item(text, member(entry, moments[i].detail));
        buffer_append_text(text, moments[i].after);
        return;
    }
    text_append_item(text, moment); /* began, enlisted, timeout, ...: the word itself */
    if (member(entry, "vote") != NULL) {
        buffer_append_text(text, ", vote ");
        text_append_item(text, member(entry, "vote"));
    }
}

void timeline_append_attempt(struct buffer *text, const cJSON *moment, int64_t running)
{
    const cJSON *attempt = member(moment, "attempt");
    int64_t of = running;
    if (!item_number(attempt, &of) || of >= running)
        return;
    buffer_append_format(text, " (attempt %lld)", (long long)of);
}

/* --- the layout --------------------------------------------------------------------------------
 */

/* The step with that branch number; *ret_index counts from 0. */
static bool step_of(const cJSON *steps, const cJSON *branch, const cJSON **ret_step,
                    unsigned *ret_index)
{
    const cJSON *step;
    unsigned index = 0;
    cJSON_ArrayForEach (step, steps) {
        if (items_equal(branch, member(step, "branch"))) {
            *ret_step = step;
            *ret_index = index;
            return true;
        }
        index++;
    }
    return false;
}

/* "1 debit"; without a name "1 bank_a". */
static void append_branch(struct buffer *text, const cJSON *branch, const cJSON *step)
{
    const cJSON *name = member(step, "name");
    text_append_item(text, branch);
    if (name == NULL)
        name = member(step, "participant");
    if (name != NULL) {
        buffer_append_char(text, ' ');
        text_append_item(text, name);
    }
}

void timeline_append_who(struct buffer *text, const cJSON *branch, const cJSON *steps)
{
    const cJSON *step;
    unsigned index;
    if (!step_of(steps, branch, &step, &index))
        step = NULL;
    append_branch(text, branch, step);
}

static void add_list_row(struct layout *layout, const cJSON *entry, const char *last_op)
{
    const cJSON *branch = member(entry, "branch");
    append_at(layout, entry);
    table_end_cell(&layout->table);
    if (branch != NULL)
        timeline_append_who(&layout->table.text, branch, layout->steps);
    table_end_cell(&layout->table);
    timeline_append_what(&layout->table.text, entry, last_op);
    timeline_append_attempt(&layout->table.text, entry, layout->attempt);
    table_end_cell(&layout->table);
}

static void add_column_row(struct layout *layout, const cJSON *entry, const char *last_op)
{
    const cJSON *branch = member(entry, "branch"), *step;
    unsigned column = COLUMNS_BEFORE_BRANCHES - 1, index;
    bool known = step_of(layout->steps, branch, &step, &index);
    if (known)
        column = COLUMNS_BEFORE_BRANCHES + index;
    append_at(layout, entry);
    table_end_cell(&layout->table);
    for (unsigned i = 1; i < COLUMNS_BEFORE_BRANCHES + layout->branches; i++) {
        if (i == column) {
            if (branch != NULL && !known) { /* of a branch that is not among the steps */
                append_branch(&layout->table.text, branch, NULL);
                buffer_append_char(&layout->table.text, ' ');
            }
            timeline_append_what(&layout->table.text, entry, last_op);
            timeline_append_attempt(&layout->table.text, entry, layout->attempt);
        }
        table_end_cell(&layout->table);
    }
}

/* A row of its own where a higher attempt begins. */
static void add_attempt_row(struct layout *layout, const cJSON *attempt)
{
    unsigned columns = layout->table.columns;
    unsigned column = layout->list ? 2 : 1;
    for (unsigned i = 0; i < columns; i++) {
        if (i == column) {
            buffer_append_text(&layout->table.text, "-- attempt ");
            text_append_item(&layout->table.text, attempt);
            buffer_append_text(&layout->table.text, " --");
        }
        table_end_cell(&layout->table);
    }
}

static bool begins_attempt(const cJSON *entry, int64_t *attempt)
{
    int64_t now = *attempt;
    const cJSON *value = member(entry, "attempt");
    if (!item_number(value, &now) || now <= *attempt)
        return false;
    *attempt = now;
    return true;
}

/* What was last sent to the branch of `entry` before it. Looks from the beginning each time: a
 * timeline has a hundred entries. */
static const char *last_sent(const cJSON *timeline, const cJSON *entry)
{
    const cJSON *at, *op = NULL, *branch = member(entry, "branch");
    cJSON_ArrayForEach (at, timeline) {
        if (at == entry)
            break;
        if (item_is(member(at, "moment"), "sent") && items_equal(branch, member(at, "branch")))
            op = member(at, "op");
    }
    return cJSON_IsString(op) ? op->valuestring : NULL;
}

static void add_rows(struct layout *layout, const cJSON *timeline)
{
    const cJSON *entry;
    layout->attempt = 1;
    cJSON_ArrayForEach (entry, timeline) {
        if (begins_attempt(entry, &layout->attempt))
            add_attempt_row(layout, member(entry, "attempt"));
        if (layout->list)
            add_list_row(layout, entry, last_sent(timeline, entry));
        else
            add_column_row(layout, entry, last_sent(timeline, entry));
    }
}

static void begin_list(struct layout *layout)
{
    const char *const headings[] = {layout->seconds ? "S" : "MS", "BRANCH", "MOMENT", NULL};
    layout->list = true;
    table_begin(&layout->table, 1u << 0, headings);
}

/* The branches' headings are texts of the transaction: kept in `names` while the table begins. */
static void begin_columns(struct layout *layout, struct buffer *names)
{
    const char *headings[TABLE_COLUMNS_MAX + 1] = {layout->seconds ? "S" : "MS", "TRANSACTION"};
    size_t starts[BRANCHES_MAX] = {0};
    const cJSON *step;
    cJSON_ArrayForEach (step, layout->steps) {
        starts[layout->branches++] = names->len;
        append_branch(names, member(step, "branch"), step);
        buffer_append_char(names, '\0');
    }
    for (unsigned i = 0; i < layout->branches; i++)
        headings[COLUMNS_BEFORE_BRANCHES + i] = names->failed ? "?" : names->data + starts[i];
    table_begin(&layout->table, 1u << 0, headings);
}

/* The longest line, in columns. */
static size_t lines_width(struct troth_span text)
{
    size_t widest = 0;
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        size_t width = text_width((struct troth_span){text.data, len});
        widest = width > widest ? width : widest;
        if (end == NULL)
            break;
        text.len -= (size_t)(end + 1 - text.data);
        text.data = end + 1;
    }
    return widest;
}

void timeline_append(const struct cli *cli, const cJSON *transaction, struct buffer *ret_text)
{
    const cJSON *timeline = member(transaction, "timeline");
    struct layout layout = {.steps = member(transaction, "steps"), .seconds = in_seconds(timeline)};
    BUFFER_SCOPED struct buffer drawn = {0};
    BUFFER_SCOPED struct buffer names = {0};
    if (cJSON_GetArraySize(timeline) == 0)
        return;
    unsigned branches = (unsigned)cJSON_GetArraySize(layout.steps);
    bool list = branches == 0 || branches > BRANCHES_MAX;
    if (!list) {
        begin_columns(&layout, &names);
        add_rows(&layout, timeline);
        table_append(&layout.table, "", &drawn);
        list = lines_width(buffer_span(&drawn)) > cli->width;
        if (list)
            table_finish(&layout.table);
    }
    if (list) {
        begin_list(&layout);
        add_rows(&layout, timeline);
        buffer_clear(&drawn);
        table_append(&layout.table, "", &drawn);
    }
    table_finish(&layout.table);
    buffer_append_char(ret_text, '\n');
    buffer_append_span(ret_text, buffer_span(&drawn));
    ret_text->failed = ret_text->failed || drawn.failed;
}
