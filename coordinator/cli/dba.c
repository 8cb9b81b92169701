/* trothctl tx sql: a script of psql with which a DBA finds and ends a branch by hand. */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "parts.h"
#include "text.h"
#include "tree.h"
#include <base/span.h>
#include <operator_files.h>

static void append_end(struct buffer *text, const char *gtid, uint32_t branch, enum explained what)
{
    const char *word = what == EXPLAIN_COMMIT ? "committed" : "aborted";
    if (what != EXPLAIN_COMMIT && what != EXPLAIN_ABORT) {
        buffer_append_text(
            text, "\n-- 4. It is not decided: leave it, or trothctl tx abort, which ends it "
                  "everywhere.\n");
        return;
    }
    buffer_append_format(
        text,
        "\n-- 4. It is %s. Only where no participant comes to do it, in the database that 1. "
        "shows,\n"
        "-- as the role that 1. shows or a superuser (without the two dashes):\n"
        "-- %s prepared :'exact';\n"
        "-- Then say so: trothctl tx resolve %s --branch %u --as %s --reason '…'\n",
        word, what == EXPLAIN_COMMIT ? "commit" : "rollback", gtid, branch, word);
}

static int append_branch(const struct cli *cli, const char *journal, const cJSON *transaction,
                         const cJSON *step, struct buffer *text)
{
    BUFFER_SCOPED struct buffer whose = {0};
    const char *gtid = member(transaction, "gtid")->valuestring;
    int64_t branch = 0, attempt = 0;
    char name[128];
    enum explained what;
    if (!item_number(member(step, "branch"), &branch) ||
        !item_number(member(transaction, "attempt"), &attempt))
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no transaction");
    (void)snprintf(name, sizeof name, "troth_%s_%s_%lld_%lld", journal, gtid, (long long)branch,
                   (long long)attempt);
    int error = explain_prepared(cli, name, journal, &what, &whose);
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_format(text, "\n-- Branch %lld, ", (long long)branch);
    text_append_item(text, member(step, "operation"));
    buffer_append_text(text, " at ");
    text_append_item(text, member(step, "participant"));
    buffer_append_text(text, ", is ");
    text_append_item(text, member(step, "state"));
    buffer_append_format(text,
                         ". In the database of its participant:\n"
                         "\\set journal %s\n\\set gtid %s\n\\set branch %lld\n"
                         "\\set name troth_%s_%s_%lld_\n\\set exact %s\n\n",
                         journal, gtid, (long long)branch, journal, gtid, (long long)branch, name);
    buffer_append_text(text, operator_files_look);
    append_end(text, gtid, (uint32_t)branch, what);
    return CLI_EXIT_OK;
}

int tx_sql(const struct cli *cli, const struct arguments *arguments)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    const cJSON *step;
    uint32_t wanted = 0;
    int error = parts_number(arguments, "branch", TROTH_BRANCH_NUMBER_MAX, &wanted);
    buffer_append_text(&call.target, "/v1/transactions/");
    if (error == CLI_EXIT_OK)
        error = parts_gtid(cli, arguments, &call);
    if (error == CLI_EXIT_OK)
        error = call_make(cli, &call, &answer);
    if (error == CLI_EXIT_OK)
        error = explain_journal(cli, journal);
    if (error == CLI_EXIT_OK && item_text(member(answer.tree, "gtid")).len == 0)
        error = cli_complain(CLI_EXIT_PROTOCOL, "the answer is no transaction");
    if (error != CLI_EXIT_OK)
        return error;
    buffer_append_format(&text, "-- psql: transaction %s of journal %s\n", call.gtid, journal);
    cJSON_ArrayForEach (step, member(answer.tree, "steps")) {
        int64_t number = 0;
        bool is_it = item_number(member(step, "branch"), &number) &&
                     (wanted == 0 || number == (int64_t)wanted);
        if (is_it && error == CLI_EXIT_OK)
            error = append_branch(cli, journal, answer.tree, step, &text);
    }
    return error == CLI_EXIT_OK ? cli_print(&text) : error;
}
