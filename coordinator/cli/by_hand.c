/* trothctl tx resolve, tx forget: an operator settles by hand, and is asked first. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "text.h"
#include "tree.h"
#include "view.h"
#include <base/json.h>
#include <base/now.h>
#include <base/span.h>
#include <troth/id.h>

/* Who says so where nothing else is known of him: the local user. "alice@ops-1", "root@ops-1 (sudo
 * alice)". */
static void local_user(struct buffer *ret_name)
{
    char host[64] = "";
    const struct passwd *user = getpwuid(getuid());
    const char *before = getenv("SUDO_USER");
    if (user != NULL)
        buffer_append_text(ret_name, user->pw_name);
    else
        buffer_append_format(ret_name, "uid %lu", (unsigned long)getuid());
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0')
        buffer_append_format(ret_name, "@%s", host);
    if (before != NULL && getuid() == 0)
        buffer_append_format(ret_name, " (sudo %.32s)", before);
}

/* ,"reason":…,"by":…,"force":true */
static int append_who(const struct arguments *arguments, struct buffer *body)
{
    BUFFER_SCOPED struct buffer user = {0};
    const char *reason = arguments_value(arguments, "reason"), *by;
    if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
        return cli_complain(CLI_EXIT_USAGE,
                            "--reason: say why, for whoever looks at this transaction later");
    local_user(&user);
    by = arguments_value(arguments, "by");
    buffer_append_text(body, "\"reason\":");
    json_append_text(body, reason);
    buffer_append_text(body, ",\"by\":");
    if (by != NULL)
        json_append_text(body, by);
    else
        json_append_string(body, buffer_span(&user));
    if (arguments_value(arguments, "force") != NULL)
        buffer_append_text(body, ",\"force\":true");
    buffer_append_char(body, '}');
    return user.failed ? cli_complain(CLI_EXIT_LOCAL, "out of memory") : CLI_EXIT_OK;
}

/* What he is about to decide on. */
static int show(const struct cli *cli, const struct call *call)
{
    CALL_SCOPED struct call look = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_span(&look.target, buffer_span(&call->target));
    int error = call_make(cli, &look, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    view_append(cli, answer.tree, answer.json, wall_now().us, &text);
    buffer_append_char(&text, '\n');
    cli_warn(&text);
    return CLI_EXIT_OK;
}

/* On a terminal he is shown the transaction, and asked; elsewhere only --yes says yes. `call`: its
 * target is the transaction. */
static int confirm(const struct cli *cli, const struct arguments *arguments,
                   const struct call *call, const char *question)
{
    char line[16] = "";
    if (arguments_value(arguments, "yes") != NULL)
        return CLI_EXIT_OK;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return cli_complain(CLI_EXIT_USAGE,
                            "not done: nobody can be asked here (standard input is no terminal); "
                            "--yes says that you are sure");
    int error = show(cli, call);
    if (error != CLI_EXIT_OK)
        return error;
    (void)fprintf(stderr, "%s Type yes to go on: ", question);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "yes\n") != 0)
        return cli_complain(CLI_EXIT_USAGE, "not done");
    return CLI_EXIT_OK;
}

static int print_settled(const struct cli *cli, const struct answer *answer)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (member(answer->tree, "gtid") == NULL)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no transaction");
    if (cli->json)
        return print_json(answer);
    view_append(cli, answer->tree, answer->json, wall_now().us, &text);
    return cli_print(&text);
}

static int say(const struct cli *cli, struct call *call, const char *action,
               const struct buffer *body)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    if (body->failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    buffer_append_text(&call->target, action);
    call->body = buffer_span(body);
    int error = call_make(cli, call, &answer);
    return error == CLI_EXIT_OK ? print_settled(cli, &answer) : error;
}

static bool is_word(const char *word)
{
    return strcmp(word, "committed") == 0 || strcmp(word, "aborted") == 0 ||
           strcmp(word, "compensated") == 0;
}

int tx_resolve(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST", .hint = "the same again is safe"};
    BUFFER_SCOPED struct buffer body = {0};
    char question[128];
    const char *as = arguments_value(arguments, "as");
    uint32_t branch = 0;
    if (as == NULL || !is_word(as))
        return cli_complain(CLI_EXIT_USAGE, "--as: what has the branch come to? committed, aborted "
                                            "or compensated");
    int error = parts_number(arguments, "branch", TROTH_BRANCH_NUMBER_MAX, &branch);
    buffer_append_text(&body, "{");
    if (branch != 0)
        buffer_append_format(&body, "\"branch\":%u,", branch);
    buffer_append_format(&body, "\"as\":\"%s\",", as);
    if (error == CLI_EXIT_OK)
        error = append_who(arguments, &body);
    buffer_append_text(&call.target, "/v1/transactions/");
    if (error == CLI_EXIT_OK)
        error = parts_gtid(cli, arguments, &call);
    if (branch != 0)
        (void)snprintf(question, sizeof question, "Branch %u has ended, and is %s?", branch, as);
    else
        (void)snprintf(question, sizeof question,
                       "The branch that waits for a word has ended, and is %s?", as);
    if (error == CLI_EXIT_OK)
        error = confirm(cli, arguments, &call, question);
    return error == CLI_EXIT_OK ? say(cli, &call, "/resolve", &body) : error;
}

int tx_forget(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "POST", .hint = "the same again is safe"};
    BUFFER_SCOPED struct buffer body = {0};
    buffer_append_text(&body, "{");
    int error = append_who(arguments, &body);
    buffer_append_text(&call.target, "/v1/transactions/");
    if (error == CLI_EXIT_OK)
        error = parts_gtid(cli, arguments, &call);
    if (error == CLI_EXIT_OK)
        error = confirm(cli, arguments, &call,
                        "Nobody is told or asked about it any more, and it ends as it stands?");
    return error == CLI_EXIT_OK ? say(cli, &call, "/forget", &body) : error;
}
