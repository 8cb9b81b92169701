#include "problem.h"

#include <string.h>

#include "text.h"
#include <base/json.h>

struct troth_span problem_slug(struct troth_span json)
{
    struct troth_span slug = {"", 0}, type = member(json, "type");
    if (type.data == NULL || json_type(type) != JSON_STRING)
        return slug;
    const char *end = type.data + type.len - 1;
    const char *at = end;
    while (at > type.data + 1 && at[-1] != '/')
        at--;
    return (struct troth_span){at, (size_t)(end - at)};
}

void fault_append(struct buffer *text, struct troth_span fault, const char *file)
{
    struct troth_span line = member(fault, "line"), column = member(fault, "column");
    struct troth_span pointer = member(fault, "pointer");
    if (file != NULL) {
        buffer_append_text(text, file);
        if (line.data != NULL && column.data != NULL) {
            buffer_append_char(text, ':');
            text_append_value(text, line);
            buffer_append_char(text, ':');
            text_append_value(text, column);
        }
        buffer_append_text(text, ": ");
    }
    if (pointer.len > 2) { /* not "", the whole document */
        text_append_value(text, pointer);
        buffer_append_text(text, ": ");
    }
    if (json_string_equals(member(fault, "severity"), (struct troth_span){"warning", 7}))
        buffer_append_text(text, "warning: ");
    text_append_value(text, member(fault, "detail"));
    buffer_append_char(text, '\n');
}

void problem_append(struct buffer *text, long status, struct troth_span json)
{
    struct troth_span detail = member(json, "detail");
    if (detail.data == NULL)
        detail = member(json, "title");
    if (detail.data != NULL && problem_slug(json).len > 0)
        text_append_value(text, detail);
    else
        buffer_append_format(text, "HTTP %ld, and no word why: is this a coordinator?", status);
}

void problem_complain(int code, long status, struct troth_span json, const char *file)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span errors = member(json, "errors"), fault;
    if (file != NULL)
        buffer_append_format(&text, "%s: ", file);
    problem_append(&text, status, json);
    const char *line = buffer_text(&text);
    cli_complain(code, "%s", line != NULL ? line : "refused");
    struct json_cursor cursor = json_cursor(errors);
    while (json_next(&cursor, NULL, &fault)) {
        buffer_clear(&text);
        buffer_append_text(&text, file != NULL ? "" : "  ");
        fault_append(&text, fault, file);
        cli_warn(&text);
    }
}
