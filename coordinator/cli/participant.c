/* trothctl participant …: everything but the list. */
#include <string.h>

#include "properties.h"
#include "request.h"
#include "text.h"
#include <protocol/json.h>

#define SLOTS_MAX 10000u

/* {"binding":"batch","urls":[…],"slots":16} */
static int registration(const struct arguments *arguments, struct buffer *ret_body)
{
    const char *binding = arguments_value(arguments, "binding");
    uint32_t slots = 0;
    if (binding == NULL)
        return cli_complain(CLI_EXIT_USAGE, "which binding? --binding http or --binding batch");
    if (strcmp(binding, "http") != 0 && strcmp(binding, "batch") != 0)
        return cli_complain(CLI_EXIT_USAGE, "--binding: '%s' is neither http nor batch", binding);
    int error = request_number(arguments, "slots", SLOTS_MAX, &slots);
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_format(ret_body, "{\"binding\":\"%s\",\"urls\":[", binding);
    for (unsigned i = 1; i < arguments->operands_count; i++) {
        if (i > 1)
            buffer_append_char(ret_body, ',');
        json_append_text(ret_body, arguments->operands[i]);
    }
    buffer_append_char(ret_body, ']');
    if (slots != 0) {
        buffer_append_text(ret_body, ",\"slots\":");
        buffer_append_uint(ret_body, slots);
    }
    buffer_append_char(ret_body, '}');
    return CLI_EXIT_OK;
}

int participant_add(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "PUT",
                                    .hint = "add it again: the same twice is no error"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer body = {0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = request_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK)
        error = registration(arguments, &body);
    if (error != CLI_EXIT_OK)
        return error;
    if (body.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    call.body = buffer_span(&body);
    error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    buffer_append_format(&text, "%s %s\n", arguments->operands[0],
                         answer.status == 201 ? "added" : "updated");
    return cli_print(&text);
}

int participant_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = request_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    properties_append(&text, answer.json);
    return cli_print(&text);
}

int participant_remove(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "DELETE",
                                    .hint = "look with 'trothctl participant list'"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = request_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK || cli->json)
        return error;
    buffer_append_format(&text, "%s removed\n", arguments->operands[0]);
    return cli_print(&text);
}
