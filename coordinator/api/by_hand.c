/* POST /v1/transactions/{gtid}/resolve and /forget: an operator's word. */
#include "body.h"
#include "request.h"
#include "router.h"
#include "transaction_reply.h"

static void said(void *arg, const struct api_problem *problem, const struct api_view *view,
                 bool fresh)
{
    struct call *call = arg;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        transaction_reply(call, 200, view, !fresh);
}

/* Who says so and why: in every word; `texts` keeps them. Where the request itself says who asks,
 * that comes first, and what he calls himself behind it: "key:night_shift (alice@ops-1)". */
static int read_who(const struct request *request, const struct body *body, struct buffer *texts,
                    struct api_word *ret_word, struct api_problem *ret_problem)
{
    size_t by = 0, reason = 0;
    bool known = request->identity.who[0] != '\0';
    if (known)
        buffer_append_format(texts, "%s (", request->identity.who);
    int error = body_text(body, "by", API_BY_BYTES_MAX, texts, ret_problem);
    if (known)
        buffer_append_char(texts, ')');
    by = texts->len;
    if (error == 0)
        error = body_text(body, "reason", API_REASON_BYTES_MAX, texts, ret_problem);
    reason = texts->len - by;
    if (error == 0)
        error = body_bool(body, "force", &ret_word->force, ret_problem);
    ret_word->by = (struct troth_span){texts->data, by};
    ret_word->reason = (struct troth_span){texts->data + by, reason};
    return error;
}

int by_hand_resolve(const struct request *request, struct api_problem *ret_problem)
{
    static const char *const known[] = {"branch", "as", "reason", "by", "force", NULL};
    static const char *const words[] = {"committed", "aborted", "compensated", NULL};
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer texts = {0};
    struct api_word word = {.branch = 0};
    uint32_t as = 0;
    struct body body;
    struct call *call;
    troth_gtid gtid;
    int error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = body_choice(&body, "as", REQUIRED, words, &as, ret_problem);
    if (error == 0)
        error = body_uint(&body, "branch", OPTIONAL, 1, TROTH_BRANCH_NUMBER_MAX, &word.branch,
                          ret_problem);
    if (error == 0)
        error = read_who(request, &body, &texts, &word, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    word.as = (enum txn_word)(TXN_WORD_COMMITTED + as);
    host->resolve(host->ctx, &gtid, &word, said, call);
    return 0;
}

int by_hand_forget(const struct request *request, struct api_problem *ret_problem)
{
    static const char *const known[] = {"reason", "by", "force", NULL};
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer texts = {0};
    struct api_word word = {.branch = 0};
    struct body body;
    struct call *call;
    troth_gtid gtid;
    int error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = body_read(request, false, known, &body, ret_problem);
    if (error == 0)
        error = read_who(request, &body, &texts, &word, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->forget(host->ctx, &gtid, &word, said, call);
    return 0;
}
