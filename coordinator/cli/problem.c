/* problem.c: a refusal as one line, and a line for each fault that a file has. */
#include "problem.h"

#include <string.h>

#include "text.h"
#include "tree.h"
#include <base/span.h>

struct troth_span problem_slug(const cJSON *problem)
{
    const cJSON *type = member(problem, "type");
    if (!cJSON_IsString(type))
        return (struct troth_span){"", 0};
    const char *slash = strrchr(type->valuestring, '/');
    return span_of(slash != NULL ? slash + 1 : type->valuestring);
}

void fault_append(struct buffer *text, const cJSON *fault, const char *file)
{
    const cJSON *line = member(fault, "line"), *column = member(fault, "column");
    const cJSON *pointer = member(fault, "pointer");
    if (file != NULL) {
        buffer_append_text(text, file);
        if (line != NULL && column != NULL) {
            buffer_append_char(text, ':');
            text_append_item(text, line);
            buffer_append_char(text, ':');
            text_append_item(text, column);
        }
        buffer_append_text(text, ": ");
    }
    if (pointer != NULL && !item_is(pointer, "")) { /* "" is the whole document */
        text_append_item(text, pointer);
        buffer_append_text(text, ": ");
    }
    if (item_is(member(fault, "severity"), "warning"))
        buffer_append_text(text, "warning: ");
    text_append_item(text, member(fault, "detail"));
    buffer_append_char(text, '\n');
}

void problem_append(struct buffer *text, long status, const cJSON *problem)
{
    const cJSON *detail = member(problem, "detail");
    if (detail == NULL)
        detail = member(problem, "title");
    if (detail != NULL && problem_slug(problem).len > 0)
        text_append_item(text, detail);
    else
        buffer_append_format(text, "HTTP %ld, and no word why: is this a coordinator?", status);
}

void problem_complain(int code, long status, const cJSON *problem, const char *file)
{
    BUFFER_SCOPED struct buffer text = {0};
    const cJSON *fault;
    if (file != NULL)
        buffer_append_format(&text, "%s: ", file);
    problem_append(&text, status, problem);
    const char *line = buffer_text(&text);
    cli_complain(code, "%s", line != NULL ? line : "refused");
    cJSON_ArrayForEach (fault, member(problem, "errors")) {
        buffer_clear(&text);
        buffer_append_text(&text, file != NULL ? "" : "  ");
        fault_append(&text, fault, file);
        cli_warn(&text);
    }
}
