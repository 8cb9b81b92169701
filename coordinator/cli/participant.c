/* trothctl participant …: everything but the list. */
#include <string.h>
#include <time.h>

#include "parts.h"
#include "properties.h"
#include "text.h"
#include "tree.h"
#include <base/json.h>
#include <base/now.h>

#define SLOTS_MAX       10000u
#define ANSWERS_WAIT_US UINT64_C(6000000) /* longer than the coordinator asks it */

/* {"binding":"batch","urls":[…],"slots":16,"token_file":"bank_a"} */
static int registration(const struct arguments *arguments, struct buffer *ret_body)
{
    const char *binding = arguments_value(arguments, "binding");
    uint32_t slots = 0;
    if (binding == NULL)
        return cli_complain(CLI_EXIT_USAGE, "which binding? --binding http or --binding batch");
    if (strcmp(binding, "http") != 0 && strcmp(binding, "batch") != 0)
        return cli_complain(CLI_EXIT_USAGE, "--binding: '%s' is neither http nor batch", binding);
    int error = parts_number(arguments, "slots", SLOTS_MAX, &slots);
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
    const char *token_file = arguments_value(arguments, "token-file");
    if (token_file != NULL) {
        buffer_append_text(ret_body, ",\"token_file\":");
        json_append_text(ret_body, token_file);
    }
    buffer_append_char(ret_body, '}');
    return CLI_EXIT_OK;
}

/* It was asked at its registration, and has neither answered nor failed yet. */
static bool is_unknown(const cJSON *participant)
{
    return cJSON_IsNull(
        cJSON_GetObjectItemCaseSensitive(member(participant, "status"), "reachable"));
}

static void say_if_down(const char *name, const cJSON *participant)
{
    const cJSON *status = member(participant, "status");
    BUFFER_SCOPED struct buffer words = {0};
    if (!cJSON_IsFalse(member(status, "reachable")))
        return;
    text_append_item(&words, member(member(status, "last_failure"), "text"));
    const char *text = buffer_text(&words);
    cli_complain(CLI_EXIT_OK, "nobody answers for %s: %s", name, text != NULL ? text : "?");
}

/* Somebody who is not there is seen now, and not when the first transaction needs it. */
static void tell_whether_it_answers(const struct cli *cli, const char *name)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    uint64_t until_us = mono_now().us + ANSWERS_WAIT_US;
    do {
        CALL_SCOPED struct call call = {.method = "GET"};
        ANSWER_SCOPED struct answer answer = {.status = 0};
        BUFFER_SCOPED struct buffer trouble = {0};
        call.trouble = &trouble;
        buffer_append_text(&call.target, "/v1/participants/");
        call_append(&call, name);
        if (call_make(cli, &call, &answer) != CLI_EXIT_OK)
            return;
        if (!is_unknown(answer.tree)) {
            say_if_down(name, answer.tree);
            return;
        }
        (void)nanosleep(&pause, NULL);
    } while (mono_now().us < until_us);
}

int participant_add(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "PUT",
                                    .hint = "add it again: the same twice is no error"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer body = {0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = parts_name(arguments->operands[0], &call);
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
    error = cli_print(&text);
    if (error == CLI_EXIT_OK && is_unknown(answer.tree))
        tell_whether_it_answers(cli, arguments->operands[0]);
    return error;
}

int participant_show(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = parts_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    properties_append(&text, answer.tree);
    return cli_print(&text);
}

int participant_remove(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "DELETE",
                                    .hint = "look with 'trothctl participant list'"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&call.target, "/v1/participants/");
    int error = parts_name(arguments->operands[0], &call);
    if (error == CLI_EXIT_OK && arguments_value(arguments, "force") != NULL)
        call_append_query(&call, "force", "true");
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK || cli->json)
        return error;
    buffer_append_format(&text, "%s removed\n", arguments->operands[0]);
    return cli_print(&text);
}
