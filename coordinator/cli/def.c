/* trothctl def …: everything but the list. */
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "parts.h"
#include "problem.h"
#include "text.h"
#include "tree.h"
#include <base/json.h>
#include <definition/definition.h>
#include <troth/id.h>

/* --- apply and validate ------------------------------------------------------------------------
 */

static void append_faults(struct buffer *text, const cJSON *faults, const char *file)
{
    const cJSON *fault;
    cJSON_ArrayForEach (fault, faults)
        fault_append(text, fault, file);
}

/* What the file is called in messages. */
static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "(standard input)" : path;
}

/* {"valid":…,"faults":[…]}, the coordinator's or ours, as asked for. */
static int print_validated(const struct cli *cli, const char *path, const struct answer *answer)
{
    BUFFER_SCOPED struct buffer printed = {0};
    const cJSON *word = member(answer->tree, "valid");
    bool valid = cJSON_IsTrue(word);
    if (!cJSON_IsBool(word))
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer does not say whether it is valid");
    append_faults(&printed, member(answer->tree, "faults"), shown(path));
    if (valid)
        buffer_append_format(&printed, "%s: valid\n", shown(path));
    int error = cli->json ? print_json(answer) : cli_print(&printed);
    if (error != CLI_EXIT_OK)
        return error;
    return valid ? CLI_EXIT_OK : CLI_EXIT_REFUSED;
}

/* By the coordinator, which also knows the participants. */
static int validate_there(const struct cli *cli, const char *path, struct troth_span text)
{
    CALL_SCOPED struct call call = {.method = "POST", .body = text, .file = shown(path)};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/definitions/validate");
    int error = call_make(cli, &call, &answer);
    if (error == CLI_EXIT_UNKNOWN)
        error = CLI_EXIT_UNAVAILABLE; /* it would have changed nothing */
    return error != CLI_EXIT_OK ? error : print_validated(cli, path, &answer);
}

/* By the same code, here. */
static int validate_here(const struct cli *cli, const char *path, struct troth_span text)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    ANSWER_SCOPED struct answer answer = {.status = 200};
    int error = definition_parse(text, &faults, &definition);
    definition_destroy(definition);
    buffer_append_format(&answer.body, "{\"valid\":%s,\"faults\":", error == 0 ? "true" : "false");
    faults_json(&faults, &answer.body);
    buffer_append_text(&answer.body, "}\n");
    faults_finish(&faults);
    if (error == TROTH_ERROR_NO_MEMORY || answer.body.failed ||
        json_check(buffer_span(&answer.body), JSON_CHECK_DEFAULT, &answer.json, NULL) != 0 ||
        tree_parse(answer.json, &answer.tree) != 0)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    return print_validated(cli, path, &answer);
}

static int validate(const struct cli *cli, const char *path, struct troth_span text)
{
    if (text.len > DEFINITION_BYTES_MAX)
        return cli_complain(CLI_EXIT_REFUSED, "%s has %zu bytes, at most %u are taken", shown(path),
                            text.len, DEFINITION_BYTES_MAX);
    return cli->url_given ? validate_there(cli, path, text) : validate_here(cli, path, text);
}

/* The name in the file, where it has one that can stand in a path. */
static bool name_of(struct troth_span text, char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    struct troth_span value;
    char name[TROTH_NAME_LEN_MAX + 1];
    if (json_check(text, JSON_CHECK_DEFAULT, &value, NULL) != 0)
        return false;
    value = field(value, "name");
    if (value.data == NULL || json_string_copy(value, name, sizeof(name)) != 0 ||
        !troth_name_valid(name, strlen(name)))
        return false;
    memcpy(ret_name, name, sizeof(name));
    return true;
}

static int print_applied(const struct cli *cli, const char *path, const struct answer *answer)
{
    BUFFER_SCOPED struct buffer text = {0};
    BUFFER_SCOPED struct buffer warnings = {0};
    append_faults(&warnings, member(answer->tree, "warnings"), shown(path));
    cli_warn(&warnings);
    if (cli->json)
        return print_json(answer);
    text_append_item(&text, member(answer->tree, "name"));
    buffer_append_text(&text, " version ");
    text_append_item(&text, member(answer->tree, "version"));
    buffer_append_text(&text, answer->status == 201 ? " published\n" : " was there already\n");
    return cli_print(&text);
}

static int apply(const struct cli *cli, const char *path, struct troth_span text)
{
    CALL_SCOPED struct call call = {.method = "PUT",
                                    .body = text,
                                    .file = shown(path),
                                    .hint = "apply it again: the same file twice is no error"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    char name[TROTH_NAME_LEN_MAX + 1];
    if (!name_of(text, name)) {
        int error = validate(cli, path, text); /* which says all that is wrong with it */
        return error != CLI_EXIT_OK
                   ? error
                   : cli_complain(CLI_EXIT_PROTOCOL, "%s: no name, and yet it is valid", path);
    }
    buffer_append_text(&call.target, "/v1/definitions/");
    call_append(&call, name);
    int error = call_make(cli, &call, &answer);
    return error != CLI_EXIT_OK ? error : print_applied(cli, path, &answer);
}

/* Each file, also behind one that failed; the first failure is the exit status. */
static int each_file(const struct cli *cli, const struct arguments *arguments,
                     int (*act)(const struct cli *cli, const char *path, struct troth_span text))
{
    int first = CLI_EXIT_OK;
    for (unsigned i = 0; i < arguments->operands_count; i++) {
        BUFFER_SCOPED struct buffer text = {0};
        int error = input_read(arguments->operands[i], &text);
        if (error == CLI_EXIT_OK)
            error = act(cli, arguments->operands[i], buffer_span(&text));
        if (first == CLI_EXIT_OK)
            first = error;
    }
    return first;
}

int def_apply(const struct cli *cli, const struct arguments *arguments)
{
    return each_file(cli, arguments, apply);
}

int def_validate(const struct cli *cli, const struct arguments *arguments)
{
    return each_file(cli, arguments, validate);
}

/* --- show and delete ---------------------------------------------------------------------------
 */

static int name_and_version(const struct arguments *arguments, struct call *call,
                            uint32_t *ret_version)
{
    char text[16];
    uint32_t version = 0;
    buffer_append_text(&call->target, "/v1/definitions/");
    int error = parts_name(arguments->operands[0], call);
    if (error == CLI_EXIT_OK)
        error = parts_number(arguments, "version", INT32_MAX, &version);
    if (error != CLI_EXIT_OK)
        return error;
    (void)snprintf(text, sizeof(text), "%u", version);
    if (version != 0)
        call_append_query(call, "version", text);
    *ret_version = version;
    return CLI_EXIT_OK;
}

/* "transfer version 1: first attempts prepare in order, bank_a last: 12 of 80 in parallel met a
 * conflict". Beside the file, which is standard output's alone. */
static void note_order(const cJSON *status)
{
    BUFFER_SCOPED struct buffer text = {0};
    const cJSON *prepare = member(status, "prepare"), *learnt = member(prepare, "learnt");
    const cJSON *last = member(prepare, "last");
    if (!cJSON_IsBool(learnt))
        return;
    text_append_item(&text, member(status, "name"));
    buffer_append_text(&text, " version ");
    text_append_item(&text, member(status, "version"));
    buffer_append_text(&text, ": first attempts prepare ");
    const cJSON *order = member(prepare, "order");
    buffer_append_text(&text, item_is(order, "ordered")   ? "in order"
                              : item_is(order, "in_turn") ? "in parallel, one after the other"
                                                          : "in parallel");
    if (last != NULL) {
        buffer_append_text(&text, ", ");
        text_append_item(&text, last);
        buffer_append_text(&text, " last");
    }
    buffer_append_text(&text, cJSON_IsTrue(learnt) ? " (learnt): " : " (as it says): ");
    text_append_item(&text, member(prepare, "conflicts"));
    buffer_append_text(&text, " of ");
    text_append_item(&text, member(prepare, "parallel"));
    buffer_append_text(&text, " in parallel met a conflict, ");
    text_append_item(&text, member(prepare, "ordered"));
    buffer_append_text(&text, " went in order\n");
    cli_warn(&text);
}

/* "transfer: 28 transactions open, 0 of its own 400 seats used, 3 refused for want of one". */
static void note_seats(const cJSON *status)
{
    BUFFER_SCOPED struct buffer text = {0};
    const cJSON *seats = member(status, "seats");
    if (!cJSON_IsObject(seats))
        return;
    text_append_item(&text, member(status, "name"));
    buffer_append_text(&text, ": ");
    text_append_item(&text, member(status, "open_transactions"));
    buffer_append_text(&text, " transactions open, ");
    text_append_item(&text, member(seats, "own_used"));
    buffer_append_text(&text, " of its own ");
    text_append_item(&text, member(seats, "own"));
    buffer_append_text(&text, " seats used, ");
    text_append_item(&text, member(seats, "refused"));
    buffer_append_text(&text, " refused for want of one\n");
    cli_warn(&text);
}

/* What is learnt, and what is open, is shown where it can be had: the file is what was asked for.
 */
static void show_status(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    char version[16];
    uint32_t number = 0;
    buffer_append_text(&call.target, "/v1/definitions/");
    if (parts_name(arguments->operands[0], &call) != CLI_EXIT_OK ||
        parts_number(arguments, "version", INT32_MAX, &number) != CLI_EXIT_OK)
        return;
    buffer_append_text(&call.target, "/status");
    (void)snprintf(version, sizeof(version), "%u", number);
    if (number != 0)
        call_append_query(&call, "version", version);
    if (call_make(cli, &call, &answer) == CLI_EXIT_OK) {
        note_order(answer.tree);
        note_seats(answer.tree);
    }
}

int def_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    uint32_t version;
    int error = name_and_version(arguments, &call, &version);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (!cli->json)
        show_status(cli, arguments);
    return print_json(&answer); /* the file itself is JSON already */
}

int def_delete(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "DELETE", .hint = "look with 'trothctl def list'"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    uint32_t version;
    int error = name_and_version(arguments, &call, &version);
    if (error == CLI_EXIT_OK && version == 0)
        error = cli_complain(CLI_EXIT_USAGE, "which version? --version N");
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK || cli->json)
        return error;
    buffer_append_format(&text, "%s version %u deleted\n", arguments->operands[0], version);
    return cli_print(&text);
}
