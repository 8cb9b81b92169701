/* trothctl tx …: everything but the list. */
#include <string.h>

#include "find.h"
#include "input.h"
#include "parts.h"
#include "text.h"
#include "tree.h"
#include "view.h"
#include "watch.h"
#include <base/duration.h>
#include <base/json.h>
#include <base/now.h>
#include <troth/id.h>

static int print_transaction(const struct cli *cli, const struct answer *answer, bool timeline)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (member(answer->tree, "gtid") == NULL)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no transaction");
    if (cli->json)
        return print_json(answer);
    view_append(cli, answer->tree, answer->json, wall_now().us, &text);
    if (timeline)
        timeline_append(cli, answer->tree, &text);
    return cli_print(&text);
}

/* Prints, and turns the outcome into the exit status. `accepted_is_enough`: no outcome is what was
 * asked for. */
static int finish(const struct cli *cli, const struct answer *answer, bool accepted_is_enough)
{
    int error = print_transaction(cli, answer, false);
    if (error != CLI_EXIT_OK)
        return error;
    int code = view_exit(answer->tree);
    return code == CLI_EXIT_UNKNOWN && accepted_is_enough ? CLI_EXIT_OK : code;
}

/* {"definition":…,"version":…,"input":…,"labels":…} */
static int start_body(const struct arguments *arguments, struct buffer *ret_body)
{
    const char *definition = arguments->operands[0];
    const char *input = arguments_value(arguments, "input");
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span value = {"{}", 2};
    uint32_t version = 0;
    if (!troth_name_valid(definition, strlen(definition)))
        return cli_complain(CLI_EXIT_USAGE, "'%s' is no name of a definition", definition);
    int error = parts_number(arguments, "version", INT32_MAX, &version);
    if (error == CLI_EXIT_OK && input != NULL)
        error = input_option("--input", input, &text, &value);
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_text(ret_body, "{\"definition\":");
    json_append_text(ret_body, definition);
    if (version != 0) {
        buffer_append_text(ret_body, ",\"version\":");
        buffer_append_uint(ret_body, version);
    }
    buffer_append_text(ret_body, ",\"input\":");
    buffer_append_span(ret_body, value);
    error = parts_labels(arguments, ret_body);
    buffer_append_char(ret_body, '}');
    return error;
}

/* --watch: it is followed instead of waited for. */
static int prefer(const struct cli *cli, const struct arguments *arguments, struct call *call)
{
    if (arguments_value(arguments, "watch") == NULL)
        return parts_preference(cli, arguments, call);
    if (arguments_value(arguments, "wait") != NULL || arguments_value(arguments, "async") != NULL)
        return cli_complain(CLI_EXIT_USAGE, "--watch and --wait or --async exclude each other");
    buffer_append_text(&call->preference, "respond-async");
    return CLI_EXIT_OK;
}

static int follow(const struct cli *cli, const struct answer *answer)
{
    const cJSON *gtid = member(answer->tree, "gtid");
    if (item_text(gtid).len != TROTH_GTID_TEXT_LEN)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no transaction");
    return watch_follow(cli, gtid->valuestring, true);
}

int tx_start(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer body = {0};
    BUFFER_SCOPED struct buffer key = {0};
    BUFFER_SCOPED struct buffer hint = {0};
    int error = start_body(arguments, &body);
    if (error == CLI_EXIT_OK)
        error = prefer(cli, arguments, &call);
    if (error == CLI_EXIT_OK)
        error = parts_key(arguments, &call, &key, &hint);
    if (error != CLI_EXIT_OK)
        return error;
    if (body.failed || buffer_text(&key) == NULL)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    call.body = buffer_span(&body);
    call.hint = buffer_text(&hint);
    buffer_append_text(&call.target, "/v1/transactions");
    error = call_make(cli, &call, &answer);
    if (error == CLI_EXIT_UNKNOWN)
        find_key_complain(cli, buffer_text(&key));
    if (error != CLI_EXIT_OK)
        return error;
    if (arguments_value(arguments, "watch") != NULL)
        return follow(cli, &answer);
    return finish(cli, &answer, arguments_value(arguments, "async") != NULL);
}

int tx_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/transactions/");
    int error = parts_gtid(cli, arguments, &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error == CLI_EXIT_OK)
        error = print_transaction(cli, &answer, true);
    if (error == CLI_EXIT_OK && arguments_value(arguments, "exit-code") != NULL)
        error = view_exit(answer.tree);
    return error;
}

int tx_abort(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {
        .method = "POST", .body = {"{}", 2}, .hint = "the same again is safe"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/transactions/");
    int error = parts_gtid(cli, arguments, &call);
    buffer_append_text(&call.target, "/abort");
    if (error == CLI_EXIT_OK)
        error = parts_preference(cli, arguments, &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error == CLI_EXIT_OK)
        error = print_transaction(cli, &answer, false);
    if (error != CLI_EXIT_OK)
        return error;
    int code = view_exit(answer.tree);
    if (code == CLI_EXIT_NOT_COMMITTED)
        return CLI_EXIT_OK; /* just what was asked for */
    if (code == CLI_EXIT_OK)
        return cli_complain(CLI_EXIT_REFUSED, "not aborted: it had committed before");
    return code;
}

int tx_retry(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {
        .method = "POST", .body = {"{}", 2}, .hint = "the same again is safe"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/transactions/");
    int error = parts_gtid(cli, arguments, &call);
    buffer_append_text(&call.target, "/retry");
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    return error == CLI_EXIT_OK ? print_transaction(cli, &answer, false) : error;
}

int tx_begin(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST",
                                    .hint = "what was begun without an answer ends by itself"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    BUFFER_SCOPED struct buffer body = {0};
    const char *lifetime = arguments_value(arguments, "lifetime");
    uint64_t us;
    buffer_append_text(&body, "{\"mode\":\"2pc\"");
    if (lifetime != NULL) {
        if (duration_parse(lifetime, strlen(lifetime), &us) != 0 || us == 0)
            return cli_complain(CLI_EXIT_USAGE, "--lifetime: '%s' is no duration", lifetime);
        buffer_append_text(&body, ",\"timeout\":");
        json_append_text(&body, lifetime);
    }
    int error = parts_labels(arguments, &body);
    buffer_append_char(&body, '}');
    if (error != CLI_EXIT_OK)
        return error;
    if (body.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    call.body = buffer_span(&body);
    buffer_append_text(&call.target, "/v1/transactions");
    error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    text_append_item(&text, member(answer.tree, "gtid")); /* alone: it goes into a variable */
    buffer_append_char(&text, '\n');
    return cli_print(&text);
}

/* {"branches":[1,2]} */
static int commit_body(const struct arguments *arguments, struct buffer *ret_body)
{
    const struct option_values *branches = arguments_values(arguments, "branch");
    buffer_append_char(ret_body, '{');
    for (unsigned i = 0; i < branches->count; i++) {
        struct troth_span text = {branches->values[i], strlen(branches->values[i])}, value;
        int64_t number;
        if (json_check(text, JSON_CHECK_DEFAULT, &value, NULL) != 0 ||
            json_int64(value, &number) != 0 || number < 1 || number > TROTH_BRANCH_NUMBER_MAX)
            return cli_complain(CLI_EXIT_USAGE, "--branch: '%s' is no number from 1 to %u",
                                branches->values[i], TROTH_BRANCH_NUMBER_MAX);
        buffer_append_text(ret_body, i == 0 ? "\"branches\":[" : ",");
        buffer_append_uint(ret_body, (uint64_t)number);
    }
    buffer_append_text(ret_body, branches->count > 0 ? "]}" : "}");
    return CLI_EXIT_OK;
}

int tx_commit(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST", .hint = "the same again is safe"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer body = {0};
    buffer_append_text(&call.target, "/v1/transactions/");
    int error = parts_gtid(cli, arguments, &call);
    buffer_append_text(&call.target, "/commit");
    if (error == CLI_EXIT_OK)
        error = commit_body(arguments, &body);
    if (error == CLI_EXIT_OK)
        error = parts_preference(cli, arguments, &call);
    if (error != CLI_EXIT_OK)
        return error;
    if (body.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    call.body = buffer_span(&body);
    error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    return finish(cli, &answer, arguments_value(arguments, "async") != NULL);
}
