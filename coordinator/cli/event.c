/* trothctl event …: everything but the list. */
#include <string.h>

#include "parts.h"
#include "properties.h"
#include "text.h"

#define ID_LEN 36u

static int begin(const struct arguments *arguments, struct call *call)
{
    const char *id = arguments->operands[0];
    if (strlen(id) != ID_LEN || strspn(id, "0123456789abcdef-") != ID_LEN)
        return cli_complain(CLI_EXIT_USAGE, "'%s' is not an event's id: see trothctl event list",
                            id);
    call->hint = "look with 'trothctl event list'";
    buffer_append_text(&call->target, "/v1/events/");
    call_append(call, id);
    return CLI_EXIT_OK;
}

int event_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    int error = begin(arguments, &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    properties_append(&text, answer.tree);
    return cli_print(&text);
}

static int change(const struct cli *cli, const struct arguments *arguments, struct call *call,
                  const char *done)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    int error = call_make(cli, call, &answer);
    if (error != CLI_EXIT_OK || cli->json)
        return error;
    buffer_append_format(&text, "%s %s\n", arguments->operands[0], done);
    return cli_print(&text);
}

int event_resend(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST"};
    int error = begin(arguments, &call);
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_text(&call.target, "/resend");
    return change(cli, arguments, &call, "is sent again: see trothctl event list");
}

int event_discard(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "DELETE"};
    int error = begin(arguments, &call);
    if (error != CLI_EXIT_OK)
        return error;
    return change(cli, arguments, &call, "discarded");
}
