/* Which transaction is meant: a gtid, the beginning of one, or the name that PostgreSQL's
 * pg_prepared_xacts shows of one of its branches. */
#include "find.h"

#include <string.h>

#include "tree.h"
#include <troth/id.h>

#define PREFIX_LEN_MIN 4u
#define KEY_WAIT_US    UINT64_C(5000000)

/* troth_<journal>_<gtid>_<branch>_<attempt> */
static bool of_prepared(const char *text, char ret_gtid[TROTH_GTID_TEXT_LEN + 1])
{
    static const char before[] = "troth_";
    size_t at = sizeof(before) - 1 + TROTH_JOURNAL_ID_LEN + 1;
    troth_gtid gtid;
    if (strncmp(text, before, sizeof(before) - 1) != 0 ||
        strlen(text) < at + TROTH_GTID_TEXT_LEN + 1 || text[at - 1] != '_' ||
        text[at + TROTH_GTID_TEXT_LEN] != '_' ||
        troth_gtid_parse(text + at, TROTH_GTID_TEXT_LEN, &gtid) != 0)
        return false;
    memcpy(ret_gtid, text + at, TROTH_GTID_TEXT_LEN);
    ret_gtid[TROTH_GTID_TEXT_LEN] = '\0';
    return true;
}

static bool is_prefix(const char *text)
{
    size_t len = strlen(text);
    return len >= PREFIX_LEN_MIN && len < TROTH_GTID_TEXT_LEN &&
           strspn(text, "0123456789abcdef-") == len;
}

/* What the list that was asked for has: how many, and the gtid of the first. */
static unsigned first_of(const struct answer *answer, char ret_gtid[TROTH_GTID_TEXT_LEN + 1])
{
    const cJSON *list = member(answer->tree, "transactions");
    const cJSON *gtid = member(cJSON_GetArrayItem(list, 0), "gtid");
    if (item_text(gtid).len != TROTH_GTID_TEXT_LEN)
        return 0;
    memcpy(ret_gtid, gtid->valuestring, TROTH_GTID_TEXT_LEN + 1);
    return (unsigned)cJSON_GetArraySize(list);
}

static int find_prefix(const struct cli *cli, const char *prefix,
                       char ret_gtid[TROTH_GTID_TEXT_LEN + 1])
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/transactions");
    call_append_query(&call, "gtid", prefix);
    call_append_query(&call, "limit", "2");
    int error = call_make(cli, &call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    switch (first_of(&answer, ret_gtid)) {
    case 0:
        return cli_complain(CLI_EXIT_NOT_FOUND, "there is no transaction whose gtid begins with %s",
                            prefix);
    case 1:
        return CLI_EXIT_OK;
    default:
        return cli_complain(CLI_EXIT_USAGE,
                            "more than one transaction's gtid begins with %s: 'trothctl tx list "
                            "--gtid %s' shows them",
                            prefix, prefix);
    }
}

int find_gtid(const struct cli *cli, const char *text, char ret_gtid[TROTH_GTID_TEXT_LEN + 1])
{
    troth_gtid gtid;
    if (troth_gtid_parse(text, strlen(text), &gtid) == 0) {
        memcpy(ret_gtid, text, TROTH_GTID_TEXT_LEN + 1);
        return CLI_EXIT_OK;
    }
    if (of_prepared(text, ret_gtid))
        return CLI_EXIT_OK;
    if (is_prefix(text))
        return find_prefix(cli, text, ret_gtid);
    return cli_complain(CLI_EXIT_USAGE,
                        "'%s' is no gtid, nor the beginning of one, nor a name of "
                        "pg_prepared_xacts",
                        text);
}

void find_key_complain(const struct cli *cli, const char *key)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer trouble = {0};
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    struct cli brief = *cli;
    if (brief.timeout_us > KEY_WAIT_US)
        brief.timeout_us = KEY_WAIT_US;
    call.trouble = &trouble;
    buffer_append_text(&call.target, "/v1/transactions");
    call_append_query(&call, "key", key);
    if (call_make(&brief, &call, &answer) == CLI_EXIT_OK && first_of(&answer, gtid) == 1)
        cli_complain(CLI_EXIT_OK, "it is transaction %s: look with 'trothctl tx show %s'", gtid,
                     gtid);
}
