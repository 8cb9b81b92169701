/* trothctl status. */
#include "node.h"
#include "parts.h"
#include "properties.h"

/* Who leads what, for who may know it: a probe needs no key, this does. */
static void append_nodes(const struct cli *cli, struct buffer *text)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer trouble = {0};
    if (nodes_ask(cli, &trouble, &answer) != CLI_EXIT_OK)
        return;
    buffer_append_char(text, '\n');
    nodes_append(answer.tree, text);
}

int status_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET", .accepts_503 = true};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    (void)arguments;
    buffer_append_text(&call.target, "/readyz");
    int error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    bool ready = answer.status == 200;
    if (cli->json) {
        error = print_json(&answer);
    } else {
        buffer_append_format(&text, "%s at %s\n", ready ? "ready" : "NOT READY", cli_shown(cli));
        properties_append(&text, answer.tree);
        append_nodes(cli, &text);
        error = cli_print(&text);
    }
    if (error != CLI_EXIT_OK)
        return error;
    return ready ? CLI_EXIT_OK : CLI_EXIT_UNAVAILABLE;
}
