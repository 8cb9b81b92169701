/* trothctl def diff: two published versions, or a file and the newest published one. */
#include <string.h>

#include "diff.h"
#include "input.h"
#include "parts.h"
#include "text.h"
#include <base/json.h>
#include <troth/id.h>

/* Both sides; the texts live as long. */
struct sides {
    struct answer from, to;     /* as published */
    struct buffer file;         /* instead of `to` */
    struct troth_span old, new; /* JSON objects */
    const char *path;           /* of the file; NULL: both are published */
};

static void sides_finish(struct sides *sides)
{
    answer_finish(&sides->from);
    answer_finish(&sides->to);
    buffer_finish(&sides->file);
}
#define SIDES_SCOPED __attribute__((cleanup(sides_finish)))

/* --- getting them ------------------------------------------------------------------------------
 */

/* `version` NULL: the newest. */
static int get(const struct cli *cli, const char *name, const char *version,
               struct answer *ret_answer)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    buffer_append_text(&call.target, "/v1/definitions/");
    int error = parts_name(name, &call);
    if (error != CLI_EXIT_OK)
        return error;
    if (version != NULL)
        call_append_query(&call, "version", version);
    return call_make(cli, &call, ret_answer);
}

static int get_both(const struct cli *cli, const struct arguments *arguments, struct sides *sides)
{
    const char *const *words = arguments->operands;
    uint32_t number;
    int error = parts_count("V1", words[1], INT32_MAX, &number);
    if (error == CLI_EXIT_OK)
        error = parts_count("V2", words[2], INT32_MAX, &number);
    if (error == CLI_EXIT_OK)
        error = get(cli, words[0], words[1], &sides->from);
    if (error == CLI_EXIT_OK)
        error = get(cli, words[0], words[2], &sides->to);
    sides->old = sides->from.json;
    sides->new = sides->to.json;
    return error;
}

static int read_file(const char *path, struct sides *sides)
{
    struct json_fault fault = {0, ""};
    int error = input_read(path, &sides->file);
    if (error != CLI_EXIT_OK)
        return error;
    sides->path = strcmp(path, "-") == 0 ? "(standard input)" : path;
    error = json_check(buffer_span(&sides->file), JSON_CHECK_UNIQUE_KEYS, &sides->new, &fault);
    if (error == TROTH_ERROR_NO_MEMORY)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (error != 0) {
        uint32_t line, column;
        json_position(buffer_span(&sides->file), fault.offset, &line, &column);
        return cli_complain(CLI_EXIT_REFUSED, "%s:%u:%u: %s", sides->path, line, column,
                            fault.text);
    }
    return CLI_EXIT_OK;
}

static int get_file(const struct cli *cli, const char *path, struct sides *sides)
{
    char name[TROTH_NAME_LEN_MAX + 1];
    int error = read_file(path, sides);
    if (error != CLI_EXIT_OK)
        return error;
    struct troth_span value = field(sides->new, "name");
    if (value.data == NULL || json_string_copy(value, name, sizeof(name)) != 0 ||
        !troth_name_valid(name, strlen(name)))
        return cli_complain(CLI_EXIT_REFUSED,
                            "%s: it has no name of a definition; "
                            "'trothctl def validate' says all that is wrong with it",
                            sides->path);
    error = get(cli, name, NULL, &sides->from);
    sides->old = sides->from.json;
    return error;
}

/* --- showing the difference --------------------------------------------------------------------
 */

/* "order_checkout version 3 -> version 4: 2 differences" */
static void append_heading(const struct sides *sides, const struct diff *diff, struct buffer *text)
{
    text_append_value(text, field(sides->old, "name"));
    buffer_append_text(text, " version ");
    text_append_value(text, field(sides->old, "version"));
    buffer_append_text(text, " -> ");
    if (sides->path != NULL)
        buffer_append_format(text, "%s, ", sides->path);
    buffer_append_text(text, "version ");
    text_append_value(text, field(sides->new, "version"));
    if (diff->count == 0)
        buffer_append_text(text, ": the same\n");
    else
        buffer_append_format(text, ": %u difference%s\n", diff->count, diff->count == 1 ? "" : "s");
}

static void append_json(const struct sides *sides, const struct diff *diff, struct buffer *text)
{
    static const char *const names[] = {"name", "from", "to"};
    const struct troth_span values[] = {field(sides->old, "name"), field(sides->old, "version"),
                                        field(sides->new, "version")};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        buffer_append_format(text, "%s\"%s\":", i == 0 ? "{" : ",", names[i]);
        if (values[i].data != NULL)
            buffer_append_span(text, values[i]);
        else
            buffer_append_text(text, "null");
    }
    buffer_append_format(text, ",\"same\":%s,\"changes\":[", diff->count == 0 ? "true" : "false");
    text_append_body(text, buffer_span(&diff->json));
    buffer_append_text(text, "]}\n");
    text->failed = text->failed || diff->json.failed;
}

static bool same_version(const struct sides *sides)
{
    struct troth_span old = field(sides->old, "version"), new = field(sides->new, "version");
    return old.len == new.len &&old.len > 0 && memcmp(old.data, new.data, old.len) == 0;
}

static int show(const struct cli *cli, const struct sides *sides)
{
    DIFF_SCOPED struct diff diff = {.count = 0};
    BUFFER_SCOPED struct buffer text = {0};
    if (json_type(sides->old) != JSON_OBJECT || json_type(sides->new) != JSON_OBJECT)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no definition");
    diff_definitions(sides->old, sides->new, &diff);
    if (cli->json) {
        append_json(sides, &diff, &text);
    } else {
        append_heading(sides, &diff, &text);
        buffer_append_span(&text, buffer_span(&diff.lines));
    }
    text.failed = text.failed || diff.lines.failed;
    int error = cli_print(&text);
    if (error != CLI_EXIT_OK || diff.count == 0)
        return error;
    if (sides->path != NULL && same_version(sides))
        cli_complain(CLI_EXIT_NOT_COMMITTED,
                     "%s: this version is published and never changes; give it another one",
                     sides->path);
    return CLI_EXIT_NOT_COMMITTED; /* that is: they differ */
}

int def_diff(const struct cli *cli, const struct arguments *arguments)
{
    SIDES_SCOPED struct sides sides = {.path = NULL};
    if (arguments->operands_count == 2)
        return cli_complain(CLI_EXIT_USAGE, "NAME and two versions, or one FILE");
    int error = arguments->operands_count == 1 ? get_file(cli, arguments->operands[0], &sides)
                                               : get_both(cli, arguments, &sides);
    return error != CLI_EXIT_OK ? error : show(cli, &sides);
}
