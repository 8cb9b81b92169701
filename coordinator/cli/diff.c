/* diff.c: the members of two definitions side by side, and the steps by their names. */
#include "diff.h"

#include <string.h>

#include "text.h"
#include <base/json.h>
#include <base/span.h>
#include <base/tree.h>

void diff_finish(struct diff *diff)
{
    buffer_finish(&diff->lines);
    buffer_finish(&diff->json);
    buffer_finish(&diff->where);
}

/* No node: what is not there. */
#define NONE UINT32_MAX

/* The two files. */
struct sides {
    struct json_tree from, to;
};

/* Numbers are compared as texts: 1.0 and 1 are two, as they are for what reads them. */
static bool same(struct sides *sides, uint32_t from, uint32_t to)
{
    struct json_equality how = {.work_max = UINT64_MAX};
    return json_tree_equal(&sides->from, from, &sides->to, to, &how);
}

/* NONE: none of that name. */
static uint32_t find(struct json_tree *tree, uint32_t object, const char *name)
{
    uint32_t node;
    return json_tree_member(tree, object, span_of(name), &node) ? node : NONE;
}

static uint32_t find_like(struct json_tree *tree, uint32_t object, struct troth_span key)
{
    uint32_t node;
    return json_tree_member_like(tree, object, key, &node) ? node : NONE;
}

/* Absent: there is none. */
static struct troth_span value_of(const struct json_tree *tree, uint32_t node)
{
    return node == NONE ? (struct troth_span){NULL, 0} : json_tree_value(tree, node);
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
        if (span_is(key, "\"name\""))
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
    for (; *skipped != NULL; skipped++)
        if (json_string_equals(key, (struct troth_span){*skipped, strlen(*skipped)}))
            return true;
    return false;
}

static void diff_values(struct diff *diff, struct sides *sides, uint32_t from, uint32_t to);

static void diff_members(struct diff *diff, struct sides *sides, uint32_t from, uint32_t to,
                         const char *const *skipped)
{
    const struct json_tree *old = &sides->from, *new = &sides->to;
    for (uint32_t i = from + 1; i < old->nodes[from].end; i = old->nodes[i].end) {
        struct troth_span key = json_tree_key(old, i);
        if (is_skipped(key, skipped))
            continue;
        size_t len = enter(diff, key);
        diff_values(diff, sides, i, find_like(&sides->to, to, key));
        diff->where.len = len;
    }
    for (uint32_t i = to + 1; i < new->nodes[to].end; i = new->nodes[i].end) {
        struct troth_span key = json_tree_key(new, i);
        if (is_skipped(key, skipped) || find_like(&sides->from, from, key) != NONE)
            continue;
        size_t len = enter(diff, key);
        diff_values(diff, sides, NONE, i);
        diff->where.len = len;
    }
}

static void diff_values(struct diff *diff, struct sides *sides, uint32_t from, uint32_t to)
{
    static const char *const none[] = {NULL};
    struct troth_span old = value_of(&sides->from, from), new = value_of(&sides->to, to);
    bool both = from != NONE && to != NONE;
    if (both && json_type(old) == JSON_OBJECT && json_type(new) == JSON_OBJECT)
        diff_members(diff, sides, from, to, none);
    else if (!both || !same(sides, from, to))
        add_change(diff, old, new);
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* One without a name is found nowhere, and shown as "null". */
static struct troth_span name_of(struct json_tree *tree, uint32_t step)
{
    struct troth_span name = value_of(tree, find(tree, step, "name"));
    return name.data != NULL ? name : (struct troth_span){"null", 4};
}

static bool same_name(struct troth_span a, struct troth_span b)
{
    BUFFER_SCOPED struct buffer plain = {0};
    if (json_type(a) != JSON_STRING || json_type(b) != JSON_STRING)
        return false;
    return json_string(a, &plain) == 0 && json_string_equals(b, buffer_span(&plain));
}

/* A definition has few steps: DEFINITION_STEPS_MAX. */
static uint32_t find_step(struct json_tree *tree, uint32_t steps, struct troth_span name)
{
    for (uint32_t i = steps + 1; steps != NONE && i < tree->nodes[steps].end;
         i = tree->nodes[i].end)
        if (same_name(name, name_of(tree, i)))
            return i;
    return NONE;
}

/* The names of those steps that the other list has too: "a, b, c". */
static void append_common(struct json_tree *tree, uint32_t steps, struct json_tree *others,
                          uint32_t other_steps, struct buffer *names)
{
    for (uint32_t i = steps + 1; steps != NONE && i < tree->nodes[steps].end;
         i = tree->nodes[i].end) {
        struct troth_span name = name_of(tree, i);
        if (find_step(others, other_steps, name) == NONE)
            continue;
        buffer_append_text(names, names->len > 0 ? "," : "[");
        buffer_append_span(names, name);
    }
    buffer_append_text(names, names->len > 0 ? "]" : "[]");
}

/* The order is more than layout: it numbers the branches, and runs steps that do not say `after`.
 */
static void diff_order(struct diff *diff, struct sides *sides, uint32_t from, uint32_t to)
{
    BUFFER_SCOPED struct buffer before = {0};
    BUFFER_SCOPED struct buffer after = {0};
    struct sides orders = {.from = {.text = NULL}};
    append_common(&sides->from, from, &sides->to, to, &before);
    append_common(&sides->to, to, &sides->from, from, &after);
    bool made = !before.failed && !after.failed &&
                json_tree_build(&orders.from, buffer_span(&before)) == 0 &&
                json_tree_build(&orders.to, buffer_span(&after)) == 0;
    diff->lines.failed = diff->lines.failed || !made;
    buffer_append_text(&diff->where, "order of steps");
    if (made)
        diff_values(diff, &orders, 0, 0);
    buffer_clear(&diff->where);
    json_tree_finish(&orders.from);
    json_tree_finish(&orders.to);
}

static void diff_steps(struct diff *diff, struct sides *sides)
{
    static const char *const skipped[] = {"name", NULL};
    struct json_tree *old = &sides->from, *new = &sides->to;
    uint32_t from = find(old, 0, "steps"), to = find(new, 0, "steps");
    for (uint32_t i = from + 1; from != NONE && i < old->nodes[from].end; i = old->nodes[i].end) {
        diff->step = name_of(old, i);
        uint32_t other = find_step(new, to, diff->step);
        if (other != NONE)
            diff_members(diff, sides, i, other, skipped);
        else
            add_step(diff, "removed", json_tree_value(old, i));
    }
    for (uint32_t i = to + 1; to != NONE && i < new->nodes[to].end; i = new->nodes[i].end) {
        diff->step = name_of(new, i);
        if (find_step(old, from, diff->step) == NONE)
            add_step(diff, "added", json_tree_value(new, i));
    }
    diff->step = (struct troth_span){NULL, 0};
    diff_order(diff, sides, from, to);
}

void diff_definitions(struct troth_span from, struct troth_span to, struct diff *ret_diff)
{
    static const char *const skipped[] = {"version", "steps", NULL};
    struct sides sides = {.from = {.text = NULL}};
    if (json_tree_build(&sides.from, from) == 0 && json_tree_build(&sides.to, to) == 0) {
        diff_members(ret_diff, &sides, 0, 0, skipped);
        diff_steps(ret_diff, &sides);
    } else {
        ret_diff->lines.failed = true;
    }
    ret_diff->lines.failed = ret_diff->lines.failed || ret_diff->where.failed;
    json_tree_finish(&sides.from);
    json_tree_finish(&sides.to);
}
