/* trothctl key …: API keys. What opens something is printed once, alone on standard output. */
#include <string.h>

#include "parts.h"
#include "text.h"
#include "tree.h"
#include <base/json.h>

/* {"name":"billing","scopes":["read"],"expires_in":"90d"} */
static int append_request(const struct arguments *arguments, struct buffer *ret_body)
{
    const struct option_values *scopes = arguments_values(arguments, "scope");
    const char *expires = arguments_value(arguments, "expires");
    if (scopes->count == 0)
        return cli_complain(CLI_EXIT_USAGE, "what may it do? --scope read, --scope start:transfer, "
                                            "… (see --help)");
    buffer_append_text(ret_body, "{\"name\":");
    json_append_text(ret_body, arguments->operands[0]);
    buffer_append_text(ret_body, ",\"scopes\":[");
    for (unsigned i = 0; i < scopes->count; i++) {
        buffer_append_text(ret_body, i > 0 ? "," : "");
        json_append_text(ret_body, scopes->values[i]);
    }
    buffer_append_char(ret_body, ']');
    if (expires != NULL) {
        buffer_append_text(ret_body, ",\"expires_in\":");
        json_append_text(ret_body, expires);
    }
    buffer_append_char(ret_body, '}');
    return ret_body->failed ? cli_complain(CLI_EXIT_LOCAL, "out of memory") : CLI_EXIT_OK;
}

static int print_made(const struct cli *cli, const char *name, const struct answer *answer)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (cli->json)
        return print_json(answer);
    text_append_item(&text, member(answer->tree, "key"));
    buffer_append_char(&text, '\n');
    int error = cli_print(&text);
    if (error == CLI_EXIT_OK)
        cli_complain(error, "this is the key of %s; it is shown once, and kept nowhere", name);
    return error;
}

int key_create(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {
        .method = "POST",
        .hint = "look with 'trothctl key list'; what was made and not seen: rotate"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer body = {0};
    int error = append_request(arguments, &body);
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_text(&call.target, "/v1/keys");
    call.body = buffer_span(&body);
    error = call_make(cli, &call, &answer);
    return error == CLI_EXIT_OK ? print_made(cli, arguments->operands[0], &answer) : error;
}

int key_rotate(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {
        .method = "POST", .hint = "rotate it again: what was not seen opens nothing then"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/keys/");
    int error = parts_name(arguments->operands[0], &call);
    buffer_append_text(&call.target, "/rotate");
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    return error == CLI_EXIT_OK ? print_made(cli, arguments->operands[0], &answer) : error;
}

int key_revoke(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "DELETE", .hint = "look with 'trothctl key list'"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/keys/");
    int error = parts_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK || cli->json)
        return error;
    buffer_append_format(&text, "%s revoked\n", arguments->operands[0]);
    return cli_print(&text);
}
