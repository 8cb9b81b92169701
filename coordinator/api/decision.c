/* /v1/transactions/{gtid}/decision: a branch in doubt asks (protocol.md, section 2). */
#include "call.h"
#include "request.h"
#include "router.h"
#include <base/json.h>

static const struct http_header no_headers[] = {{NULL, NULL}};

static void answered(void *arg, const struct api_problem *problem, const struct api_answer *answer)
{
    BUFFER_SCOPED struct buffer body = {0};
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    struct call *call = arg;
    if (problem != NULL) {
        call_refuse(call, problem);
        return;
    }
    troth_gtid_format(&call->gtid, gtid);
    buffer_append_format(&body, "{\"gtid\":\"%s\",\"branch\":%u,\"attempt\":%u,\"decision\":", gtid,
                         call->branch, call->attempt);
    json_append_text(&body, answer->decision);
    buffer_append_format(&body, ",\"epoch\":%u}\n", answer->epoch);
    call_reply(call, 200, no_headers, &body);
}

static int needed(const char *name, uint32_t value, struct api_problem *ret_problem)
{
    if (value == 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER, "?%s: it is missing",
                               name);
    return 0;
}

static int read_branch_and_attempt(const struct request *request, uint32_t *ret_branch,
                                   uint32_t *ret_attempt, struct api_problem *ret_problem)
{
    uint32_t branch = 0, attempt = 0;
    int error = query_uint(request, "branch", 1, TROTH_BRANCH_NUMBER_MAX, &branch, ret_problem);
    if (error == 0)
        error = needed("branch", branch, ret_problem);
    if (error == 0)
        error = query_uint(request, "attempt", 1, TROTH_ATTEMPT_MAX, &attempt, ret_problem);
    if (error == 0)
        error = needed("attempt", attempt, ret_problem);
    if (error != 0)
        return error;
    *ret_branch = branch;
    *ret_attempt = attempt;
    return 0;
}

/* Who asks may leave it out: then only the gtid says which journal is meant. */
static int read_journal(const struct request *request, struct buffer *text,
                        struct troth_span *ret_journal, struct api_problem *ret_problem)
{
    bool there = false;
    int error = query_text(request, "journal", text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (!troth_journal_id_valid(text->data, text->len))
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?journal: \"%.*s\" is not %d lower-case hexadecimal digits",
                               SHOWN(buffer_span(text)), TROTH_JOURNAL_ID_LEN);
    *ret_journal = buffer_span(text);
    return 0;
}

int decision_get(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span journal = {NULL, 0};
    uint32_t branch = 0, attempt = 0;
    struct call *call;
    troth_gtid gtid;
    int error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = read_branch_and_attempt(request, &branch, &attempt, ret_problem);
    if (error == 0)
        error = read_journal(request, &text, &journal, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    call->gtid = gtid;
    call->branch = branch;
    call->attempt = attempt;
    host->inquire(host->ctx, &gtid, branch, attempt, journal, answered, call);
    return 0;
}
