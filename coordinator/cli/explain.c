/* explain.c: asks the coordinator about a prepared transaction, as its participant would. */
#include "explain.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "tree.h"
#include <base/span.h>

const char *explained_word(enum explained what)
{
    static const char *const words[] = {
        [EXPLAIN_OPEN] = "open",       [EXPLAIN_COMMIT] = "commit",
        [EXPLAIN_ABORT] = "abort",     [EXPLAIN_ELSEWHERE] = "elsewhere",
        [EXPLAIN_STRANGE] = "strange", [EXPLAIN_UNKNOWN] = "unknown",
    };
    assert(what < sizeof(words) / sizeof(words[0]));
    return words[what];
}

int explain_journal(const struct cli *cli, char ret_journal[TROTH_JOURNAL_ID_LEN + 1])
{
    CALL_SCOPED struct call call = {.method = "GET", .accepts_503 = true};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/readyz");
    int error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    struct troth_span id = item_text(member(member(answer.tree, "journal"), "id"));
    if (id.len != TROTH_JOURNAL_ID_LEN)
        return cli_complain(CLI_EXIT_UNAVAILABLE, "the coordinator has no journal yet");
    memcpy(ret_journal, id.data, id.len);
    ret_journal[id.len] = '\0';
    return CLI_EXIT_OK;
}

static int ask_decision(const struct cli *cli, const char *gtid,
                        const struct troth_prepared_name *name, enum explained *ret_what)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    char number[16];
    buffer_append_format(&call.target, "/v1/transactions/%s/decision", gtid);
    (void)snprintf(number, sizeof number, "%u", name->branch);
    call_append_query(&call, "branch", number);
    (void)snprintf(number, sizeof number, "%u", name->attempt);
    call_append_query(&call, "attempt", number);
    call_append_query(&call, "journal", name->journal);
    int error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    const cJSON *decision = member(answer.tree, "decision");
    *ret_what = item_is(decision, "committed")   ? EXPLAIN_COMMIT
                : item_is(decision, "aborted")   ? EXPLAIN_ABORT
                : item_is(decision, "undecided") ? EXPLAIN_OPEN
                                                 : EXPLAIN_UNKNOWN;
    return CLI_EXIT_OK;
}

/* A list of one or none: that there is no such transaction is no refusal there. */
static int ask_participant(const struct cli *cli, const char *gtid, uint32_t branch,
                           struct buffer *ret_participant)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    const cJSON *step;
    buffer_append_text(&call.target, "/v1/transactions");
    call_append_query(&call, "gtid", gtid);
    call_append_query(&call, "payloads", "true");
    call_append_query(&call, "limit", "1");
    int error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    const cJSON *one = cJSON_GetArrayItem(member(answer.tree, "transactions"), 0);
    cJSON_ArrayForEach (step, member(one, "steps")) {
        int64_t number = 0;
        if (item_number(member(step, "branch"), &number) && number == (int64_t)branch)
            buffer_append_span(ret_participant, item_text(member(step, "participant")));
    }
    return CLI_EXIT_OK;
}

int explain_prepared(const struct cli *cli, const char *name, const char *journal,
                     enum explained *ret_what, struct buffer *ret_participant)
{
    struct troth_prepared_name parts;
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    if (troth_prepared_name_parse(name, strlen(name), &parts) != 0) {
        *ret_what = EXPLAIN_STRANGE;
        return CLI_EXIT_OK;
    }
    if (strcmp(parts.journal, journal) != 0) {
        *ret_what = EXPLAIN_ELSEWHERE;
        return CLI_EXIT_OK;
    }
    troth_gtid_format(&parts.gtid, gtid);
    int error = ask_decision(cli, gtid, &parts, ret_what);
    return error == CLI_EXIT_OK ? ask_participant(cli, gtid, parts.branch, ret_participant) : error;
}
