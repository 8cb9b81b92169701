/* /v1/transactions: start, show, abort, retry. */
#include "body.h"
#include "request.h"
#include "router.h"
#include "start.h"
#include "transaction_reply.h"

static const struct http_header no_headers[] = {{NULL, NULL}};

/* An interactive one is there to be used as soon as it is open; any other is there when it is
 * decided. */
static int started_status(const struct api_view *view, bool fresh)
{
    if (!fresh)
        return 200;
    return view->outcome != TXN_OUTCOME_NONE || view->origin->interactive ? 201 : 202;
}

static void started(void *arg, const struct api_problem *problem, const struct api_view *view,
                    bool fresh)
{
    struct call *call = arg;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        transaction_reply(call, started_status(view, fresh), view, !fresh);
}

/* Refuses by itself: faults of the input live in `start`. */
int transactions_start(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct start start = {0};
    struct call *call = NULL;
    int error = start_read(request, &start, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error == 0) {
        call->prefer = start.prefer;
        host->submit(host->ctx, &start.submit, started, call);
    } else {
        reply_problem(request->exchange, ret_problem, NULL);
    }
    start_finish(&start);
    return 0;
}

/* A gtid in the path and nothing in the body. */
static int call_for_one(const struct request *request, troth_gtid *ret_gtid, struct call **ret_call,
                        struct api_problem *ret_problem)
{
    static const char *const known[] = {NULL};
    struct body body;
    int error = request_gtid(request, ret_gtid, ret_problem);
    if (error == 0)
        error = body_read(request, true, known, &body, ret_problem);
    if (error == 0)
        error = call_create(request, ret_call, ret_problem);
    return error;
}

int transactions_abort(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct call *call;
    troth_gtid gtid;
    int error = call_for_one(request, &gtid, &call, ret_problem);
    if (error != 0)
        return error;
    enum api_reply reply;
    uint64_t wait_us;
    transaction_prefer(request, API_REPLY_COMPLETED, &call->prefer, &reply, &wait_us);
    host->abort(host->ctx, &gtid, wait_us, transaction_changed, call);
    return 0;
}

static void retried(void *arg, const struct api_problem *problem, const struct api_view *view,
                    bool fresh)
{
    struct call *call = arg;
    (void)fresh;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        transaction_reply(call, 200, view, false);
}

int transactions_retry(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct call *call;
    troth_gtid gtid;
    int error = call_for_one(request, &gtid, &call, ret_problem);
    if (error != 0)
        return error;
    host->retry(host->ctx, &gtid, retried, call);
    return 0;
}

static void shown(void *arg, const struct api_problem *problem, const struct api_view *view,
                  bool fresh)
{
    BUFFER_SCOPED struct buffer body = {0};
    struct call *call = arg;
    (void)fresh;
    if (problem != NULL) {
        call_refuse(call, problem);
        return;
    }
    view_append(&body, view, VIEW_WHOLE);
    buffer_append_char(&body, '\n');
    call_reply(call, 200, no_headers, &body);
}

int transactions_get(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct call *call;
    troth_gtid gtid;
    int error = request_gtid(request, &gtid, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->get(host->ctx, &gtid, shown, call);
    return 0;
}
