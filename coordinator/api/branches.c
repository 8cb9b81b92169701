/* Interactive transactions: enlist a branch, and commit. */
#include "authorize.h"
#include "body.h"
#include "lookup.h"
#include "request.h"
#include "router.h"
#include "transaction_reply.h"

static void enlisted(void *arg, const struct api_problem *problem, const struct api_view *view,
                     bool fresh)
{
    struct call *call = arg;
    (void)fresh;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        transaction_reply(call, 200, view, false);
}

static int read_enlist(const struct request *request, struct api_enlist *ret_enlist,
                       char ret_participant[TROTH_NAME_LEN_MAX + 1],
                       char ret_operation[TROTH_NAME_LEN_MAX + 1], struct api_problem *ret_problem)
{
    static const char *const known[] = {"branch", "participant", "operation", "prepared", NULL};
    struct api_participant participant;
    struct api_enlist enlist = {.participant = ret_participant, .operation = ret_operation};
    struct body body;
    int error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = body_uint(&body, "branch", REQUIRED, 1, TROTH_BRANCH_NUMBER_MAX, &enlist.branch,
                          ret_problem);
    if (error == 0)
        error = body_name(&body, "participant", REQUIRED, ret_participant, ret_problem);
    if (error == 0)
        error = body_name(&body, "operation", REQUIRED, ret_operation, ret_problem);
    if (error == 0)
        error = body_bool(&body, "prepared", &enlist.prepared, ret_problem);
    if (error == 0)
        error = lookup_participant(request->api, API_PROBLEM_UNKNOWN_PARTICIPANT, ret_participant,
                                   &participant, ret_problem);
    if (error == 0)
        *ret_enlist = enlist;
    return error;
}

int branches_enlist(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    char participant[TROTH_NAME_LEN_MAX + 1], operation[TROTH_NAME_LEN_MAX + 1];
    struct api_enlist enlist;
    struct call *call;
    troth_gtid gtid;
    int error = authorize_start(request, "", ret_problem);
    if (error == 0)
        error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = read_enlist(request, &enlist, participant, operation, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->enlist(host->ctx, &gtid, &enlist, enlisted, call);
    return 0;
}

static bool contains(const uint32_t *numbers, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* The branches that the client knows; none said: whichever are enlisted. */
static int read_branches(const struct body *body, uint32_t ret_branches[TROTH_BRANCHES_MAX],
                         uint32_t *ret_count, struct api_problem *ret_problem)
{
    struct troth_span list, key, value;
    int64_t number = 0;
    uint32_t count = 0;
    if (!body_member(body, "branches", &list))
        return 0;
    if (json_type(list) != JSON_ARRAY)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "/branches: it must be an array of branch numbers");
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &value)) {
        if (count == TROTH_BRANCHES_MAX)
            return api_problem_set(ret_problem, API_PROBLEM_TOO_MANY_BRANCHES,
                                   "/branches: a transaction has at most %u", TROTH_BRANCHES_MAX);
        if (json_int64(value, &number) != 0 || number < 1 || number > TROTH_BRANCH_NUMBER_MAX)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                                   "/branches/%u: %.*s is not a branch number, 1 to %u", count,
                                   SHOWN(value), TROTH_BRANCH_NUMBER_MAX);
        if (contains(ret_branches, count, (uint32_t)number))
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                                   "/branches/%u: branch %.*s is named twice", count, SHOWN(value));
        ret_branches[count++] = (uint32_t)number;
    }
    *ret_count = count;
    return 0;
}

int branches_commit(const struct request *request, struct api_problem *ret_problem)
{
    static const char *const known[] = {"branches", "reply", NULL};
    static const char *const replies[] = {"completed", "decided", NULL};
    const struct api_host *host = &request->api->host;
    uint32_t branches[TROTH_BRANCHES_MAX], count = 0, choice = 0;
    enum api_reply reply;
    uint64_t wait_us;
    struct body body;
    struct call *call;
    troth_gtid gtid;
    int error = authorize_start(request, "", ret_problem);
    if (error == 0)
        error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = body_read(request, true, known, &body, ret_problem);
    if (error == 0)
        error = read_branches(&body, branches, &count, ret_problem);
    if (error == 0)
        error = body_choice(&body, "reply", OPTIONAL, replies, &choice, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    transaction_prefer(request, choice == 0 ? API_REPLY_COMPLETED : API_REPLY_DECIDED,
                       &call->prefer, &reply, &wait_us);
    host->commit(host->ctx, &gtid, branches, count, reply, wait_us, transaction_changed, call);
    return 0;
}
