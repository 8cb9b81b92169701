/* A transaction as its clients see it. Payloads are printed as the spans they came in. */
#include "view.h"

#include <string.h>

#include <base/json.h>

/* A view under way: which of its texts could not be read. */
struct page {
    struct buffer *object;
    bool stored;
    const char *damaged[8];
    unsigned damaged_count;
};

static bool is_readable(struct troth_span value)
{
    struct troth_span checked;
    return json_check(value, JSON_CHECK_KEPT, &checked, NULL) == 0;
}

/* `name`: of the member. */
static void append_json(struct page *page, const char *name, struct troth_span value,
                        const char *absent)
{
    bool is_there = value.data != NULL && value.len > 0;
    if (is_there && page->stored && !is_readable(value)) {
        page->damaged[page->damaged_count++] = name;
        is_there = false;
    }
    buffer_append_text(page->object, ",\"");
    buffer_append_text(page->object, name);
    buffer_append_text(page->object, "\":");
    if (is_there)
        buffer_append_span(page->object, value);
    else
        buffer_append_text(page->object, absent);
}

static void append_without_output(struct buffer *object, struct troth_span step)
{
    static const struct troth_span output = {"\"output\"", 8};
    struct json_cursor members = json_cursor(step);
    struct troth_span key, value;
    const char *before = "";
    buffer_append_char(object, '{');
    while (json_next(&members, &key, &value)) {
        if (key.data == NULL ||
            (key.len == output.len && memcmp(key.data, output.data, key.len) == 0))
            continue;
        buffer_append_text(object, before);
        buffer_append_span(object, key);
        buffer_append_char(object, ':');
        buffer_append_span(object, value);
        before = ",";
    }
    buffer_append_char(object, '}');
}

static void append_steps_without_outputs(struct buffer *object, struct troth_span steps)
{
    struct json_cursor list = json_cursor(steps);
    struct troth_span step;
    const char *before = "";
    buffer_append_text(object, ",\"steps\":[");
    while (json_next(&list, NULL, &step)) {
        buffer_append_text(object, before);
        append_without_output(object, step);
        before = ",";
    }
    buffer_append_text(object, "],\"left_out\":[\"outputs\"]");
}

static void append_steps(struct page *page, struct troth_span steps, unsigned shown)
{
    bool is_long = (shown & VIEW_SHORT) != 0 && steps.len > API_ENDED_STEPS_BYTES_MAX;
    if (is_long && (!page->stored || is_readable(steps)))
        append_steps_without_outputs(page->object, steps);
    else
        append_json(page, "steps", steps, "[]");
}

static void append_damaged(const struct page *page)
{
    for (unsigned i = 0; i < page->damaged_count; i++) {
        buffer_append_text(page->object, i == 0 ? ",\"damaged\":[" : ",");
        json_append_text(page->object, page->damaged[i]);
    }
    if (page->damaged_count > 0)
        buffer_append_char(page->object, ']');
}

static void append_time(struct buffer *object, const char *member, struct wall time)
{
    char text[WALL_TEXT_LEN + 1];
    buffer_append_text(object, member);
    if (time.us == 0) {
        buffer_append_text(object, "null");
        return;
    }
    wall_format(time, text);
    json_append_word(object, "\"", text);
}

static void append_definition(struct buffer *object, const struct txn_origin *origin)
{
    if (origin->interactive || origin->definition.data == NULL) {
        buffer_append_text(object, ",\"definition\":null,\"version\":null");
        return;
    }
    json_append_name(object, ",\"definition\":\"", origin->definition);
    buffer_append_text(object, ",\"version\":");
    buffer_append_uint(object, origin->definition_version);
}

static void append_origin(struct buffer *object, const struct txn_origin *origin)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&origin->gtid, gtid);
    json_append_word(object, "{\"gtid\":\"", gtid);
    append_definition(object, origin);
    json_append_word(object, ",\"mode\":\"", txn_mode_name(origin->mode));
    if (origin->interactive)
        buffer_append_text(object, ",\"interactive\":true");
}

static void append_again(struct buffer *text, struct troth_span string)
{
    BUFFER_SCOPED struct buffer plain = {0};
    if (json_string(string, &plain) != 0 || plain.failed)
        buffer_append_span(text, string);
    else
        json_append_string(text, buffer_span(&plain));
}

void label_append(struct buffer *text, struct troth_span name, struct troth_span value)
{
    append_again(text, name);
    buffer_append_char(text, ':');
    append_again(text, value);
}

void view_append(struct buffer *object, const struct api_view *view, unsigned shown)
{
    const struct txn_origin *origin = view->origin;
    append_origin(object, origin);
    buffer_append_text(object, ",\"attempt\":");
    buffer_append_uint(object, view->attempt);
    json_append_word(object, ",\"state\":\"", view->state);
    if (view->outcome == TXN_OUTCOME_NONE)
        buffer_append_text(object, ",\"outcome\":null");
    else
        json_append_word(object, ",\"outcome\":\"", txn_outcome_name(view->outcome));
    append_time(object, ",\"began_at\":", origin->began_at);
    append_time(object, ",\"ended_at\":", view->ended_at);
    struct page page = {.object = object, .stored = view->stored};
    if (origin->labels.data != NULL && origin->labels.len > 0)
        append_json(&page, "labels", origin->labels, "{}");
    if ((shown & VIEW_KEY) != 0 && origin->idempotency_key.data != NULL) {
        buffer_append_text(object, ",\"idempotency_key\":");
        json_append_string(object, origin->idempotency_key);
    }
    if ((shown & VIEW_INPUT) != 0 && !origin->interactive)
        append_json(&page, "input", origin->input, "null");
    if ((shown & VIEW_STEPS) != 0)
        append_steps(&page, view->steps, shown);
    append_json(&page, "failure", view->failure, "null");
    if (view->fallback.len > strlen("null"))
        append_json(&page, "fallback", view->fallback, "null");
    if ((shown & VIEW_TIMELINE) != 0)
        append_json(&page, "timeline", view->history, "[]");
    append_damaged(&page);
    buffer_append_char(object, '}');
}
