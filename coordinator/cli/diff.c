#include "diff.h"

#include <string.h>

#include "text.h"
#include <base/json.h>

void diff_finish(struct diff *diff)
{
    buffer_finish(&diff->lines);
    buffer_finish(&diff->json);
    buffer_finish(&diff->where);
}

/* --- equality ----------------------------------------------------------------------------------
 */

static bool same(struct troth_span a, struct troth_span b);

static bool is_text(struct troth_span a, struct troth_span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool same_string(struct troth_span a, struct troth_span b)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return is_text(a, b) ||
           (json_string(a, &plain) == 0 && json_string_equals(b, buffer_span(&plain)));
}

/* The member of that name, the key as it stands in another object. */
static bool find(struct troth_span object, struct troth_span key, struct troth_span *ret_value)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(key, &plain) == 0 &&
           json_member_span(object, buffer_span(&plain), ret_value);
}

static bool all_in(struct troth_span a, struct troth_span b)
{
    struct json_cursor cursor = json_cursor(a);
    struct troth_span key, value, other;
    while (json_next(&cursor, &key, &value)) {
        if (!find(b, key, &other) || !same(value, other))
            return false;
    }
    return true;
}

static bool same_list(struct troth_span a, struct troth_span b)
{
    struct json_cursor at = json_cursor(a), to = json_cursor(b);
    struct troth_span x, y;
    for (;;) {
        bool more = json_next(&at, NULL, &x);
        if (json_next(&to, NULL, &y) != more)
            return false;
        if (!more)
            return true;
        if (!same(x, y))
            return false;
    }
}

/* Numbers are compared as texts: 1.0 and 1 are two, as they are for what reads them. */
static bool same(struct troth_span a, struct troth_span b)
{
    if (json_type(a) != json_type(b))
        return false;
    switch (json_type(a)) {
    case JSON_OBJECT:
        return all_in(a, b) && all_in(b, a);
    case JSON_ARRAY:
        return same_list(a, b);
    case JSON_STRING:
        return same_string(a, b);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        break;
    }
    return is_text(a, b);
}

/* --- one change --------------------------------------------------------------------------------
 */

/* Without the white space between tokens: values come laid out over lines. */
static void append_compact(struct buffer *text, struct troth_span value)
{
    bool in_string = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        buffer_append_char(text, c);
        if (in_string && c == '\\')
            buffer_append_char(text, value.data[++i]); /* checked JSON: there is one more */
        else if (c == '"')
            in_string = !in_string;
    }
}

static void append_cut(struct buffer *text, struct troth_span value)
{
    BUFFER_SCOPED struct buffer compact = {0};
    append_compact(&compact, value);
    text->failed = text->failed || compact.failed;
    struct troth_span whole = buffer_span(&compact), shown = whole;
    if (shown.len > DIFF_VALUE_BYTES_MAX) {
        shown.len = DIFF_VALUE_BYTES_MAX;
        while (shown.len > 0 && ((unsigned char)shown.data[shown.len] & 0xc0) == 0x80)
            shown.len--;
    }
    text_append_json(text, shown);
    if (shown.len < whole.len)
        buffer_append_format(text, "... (%zu bytes)", whole.len);
}

static void append_json_change(struct diff *diff, const char *change, struct troth_span from,
                               struct troth_span to)
{
    static const struct troth_span null = {"null", 4};
    struct buffer *json = &diff->json;
    buffer_append_format(json, "%s{\"change\":\"%s\",\"step\":", diff->count > 0 ? "," : "",
                         change);
    buffer_append_span(json, diff->step.data != NULL ? diff->step : null);
    buffer_append_text(json, ",\"field\":");
    if (diff->where.len > 0)
        json_append_string(json, buffer_span(&diff->where));
    else
        buffer_append_span(json, null);
    buffer_append_text(json, ",\"from\":");
    buffer_append_span(json, from.data != NULL ? from : null);
    buffer_append_text(json, ",\"to\":");
    buffer_append_span(json, to.data != NULL ? to : null);
    buffer_append_char(json, '}');
}

/* "changed  step reserve, compensate.retry: " */
static void begin_line(struct diff *diff, const char *change)
{
    buffer_append_format(&diff->lines, "%-7s  ", change);
    if (diff->step.data != NULL) {
        buffer_append_text(&diff->lines, "step ");
        text_append_value(&diff->lines, diff->step);
    }
    if (diff->where.len > 0) {
        buffer_append_text(&diff->lines, diff->step.data != NULL ? ", " : "");
        text_append_plain(&diff->lines, buffer_span(&diff->where));
    }
}

/* from absent: added; to absent: removed. */
static void add_change(struct diff *diff, struct troth_span from, struct troth_span to)
{
    const char *change = from.data == NULL ? "added" : to.data == NULL ? "removed" : "changed";
    append_json_change(diff, change, from, to);
    begin_line(diff, change);
    buffer_append_text(&diff->lines, ": ");
    append_cut(&diff->lines, from.data != NULL ? from : to);
    if (from.data != NULL && to.data != NULL) {
        buffer_append_text(&diff->lines, " -> ");
        append_cut(&diff->lines, to);
    }
    buffer_append_char(&diff->lines, '\n');
    diff->count++;
}

/* A whole step: its fields behind its name. */
static void add_step(struct diff *diff, const char *change, struct troth_span step)
{
    struct json_cursor cursor = json_cursor(step);
    struct troth_span key, value, none = {NULL, 0};
    const char *before = ": ";
    bool added = strcmp(change, "added") == 0;
    append_json_change(diff, change, added ? none : step, added ? step : none);
    begin_line(diff, change);
    while (added && json_next(&cursor, &key, &value)) {
        if (is_text(key, (struct troth_span){"\"name\"", 6}))
            continue;
        buffer_append_text(&diff->lines, before);
        text_append_value(&diff->lines, key);
        buffer_append_char(&diff->lines, ' ');
        append_cut(&diff->lines, value);
        before = ", ";
    }
    buffer_append_char(&diff->lines, '\n');
    diff->count++;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

/* Goes down to a member; gives what to cut `where` back to. */
static size_t enter(struct diff *diff, struct troth_span key)
{
    size_t len = diff->where.len;
    if (len > 0)
        buffer_append_char(&diff->where, '.');
    if (json_string(key, &diff->where) != 0)
        diff->lines.failed = true;
    return len;
}

static bool is_skipped(struct troth_span key, const char *const *skipped)
{
    for (; *skipped != NULL; skipped++) {
        if (json_string_equals(key, (struct troth_span){*skipped, strlen(*skipped)}))
            return true;
    }
    return false;
}

static void diff_values(struct diff *diff, struct troth_span from, struct troth_span to);

static void diff_members(struct diff *diff, struct troth_span from, struct troth_span to,
                         const char *const *skipped)
{
    struct json_cursor cursor = json_cursor(from);
    struct troth_span key, value, other, none = {NULL, 0};
    while (json_next(&cursor, &key, &value)) {
        if (is_skipped(key, skipped))
            continue;
        size_t len = enter(diff, key);
        diff_values(diff, value, find(to, key, &other) ? other : none);
        diff->where.len = len;
    }
    cursor = json_cursor(to);
    while (json_next(&cursor, &key, &value)) {
        if (is_skipped(key, skipped) || find(from, key, &other))
            continue;
        size_t len = enter(diff, key);
        diff_values(diff, none, value);
        diff->where.len = len;
    }
}

static void diff_values(struct diff *diff, struct troth_span from, struct troth_span to)
{
    static const char *const none[] = {NULL};
    bool both = from.data != NULL && to.data != NULL;
    if (both && json_type(from) == JSON_OBJECT && json_type(to) == JSON_OBJECT)
        diff_members(diff, from, to, none);
    else if (!both || !same(from, to))
        add_change(diff, from, to);
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* One without a name is found nowhere, and shown as "null". */
static struct troth_span name_of(struct troth_span step)
{
    struct troth_span name = member(step, "name");
    return name.data != NULL ? name : (struct troth_span){"null", 4};
}

static bool find_step(struct troth_span steps, struct troth_span name, struct troth_span *ret_step)
{
    struct json_cursor cursor = json_cursor(steps);
    struct troth_span step;
    while (json_next(&cursor, NULL, &step)) {
        struct troth_span other = member(step, "name");
        if (other.data != NULL && same(name, other)) {
            *ret_step = step;
            return true;
        }
    }
    return false;
}

/* The names of those steps that the other list has too: "a, b, c". */
static void append_common(struct troth_span steps, struct troth_span others, struct buffer *names)
{
    struct json_cursor cursor = json_cursor(steps);
    struct troth_span step, other;
    while (json_next(&cursor, NULL, &step)) {
        struct troth_span name = name_of(step);
        if (!find_step(others, name, &other))
            continue;
        buffer_append_text(names, names->len > 0 ? "," : "[");
        buffer_append_span(names, name);
    }
    buffer_append_text(names, names->len > 0 ? "]" : "[]");
}

/* The order is more than layout: it numbers the branches, and runs steps that do not say `after`.
 */
static void diff_order(struct diff *diff, struct troth_span from, struct troth_span to)
{
    BUFFER_SCOPED struct buffer before = {0};
    BUFFER_SCOPED struct buffer after = {0};
    append_common(from, to, &before);
    append_common(to, from, &after);
    diff->lines.failed = diff->lines.failed || before.failed || after.failed;
    buffer_append_text(&diff->where, "order of steps");
    if (!diff->lines.failed)
        diff_values(diff, buffer_span(&before), buffer_span(&after));
    buffer_clear(&diff->where);
}

static void diff_steps(struct diff *diff, struct troth_span from, struct troth_span to)
{
    static const char *const skipped[] = {"name", NULL};
    struct json_cursor cursor = json_cursor(from);
    struct troth_span step, other;
    while (json_next(&cursor, NULL, &step)) {
        diff->step = name_of(step);
        if (find_step(to, diff->step, &other))
            diff_members(diff, step, other, skipped);
        else
            add_step(diff, "removed", step);
    }
    cursor = json_cursor(to);
    while (json_next(&cursor, NULL, &step)) {
        diff->step = name_of(step);
        if (!find_step(from, diff->step, &other))
            add_step(diff, "added", step);
    }
    diff->step = (struct troth_span){NULL, 0};
    diff_order(diff, from, to);
}

void diff_definitions(struct troth_span from, struct troth_span to, struct diff *ret_diff)
{
    static const char *const skipped[] = {"version", "steps", NULL};
    diff_members(ret_diff, from, to, skipped);
    diff_steps(ret_diff, member(from, "steps"), member(to, "steps"));
    ret_diff->lines.failed = ret_diff->lines.failed || ret_diff->where.failed;
}
