/* Replies, and the request that waits for its host. */
#include "call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "others.h"
#include "problem_body.h"
#include "view.h"

static void client_left(void *arg, struct http_exchange *exchange)
{
    struct call *call = arg;
    assert(call->exchange == exchange);
    call->exchange = NULL;
}

int call_create(const struct request *request, struct call **ret_call,
                struct api_problem *ret_problem)
{
    struct api *api = request->api;
    if (api->calls >= API_CALLS_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "%u requests wait already",
                               API_CALLS_MAX);
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    call->api = api;
    call->exchange = request->exchange;
    api->calls++;
    CRASH_POINT("client.asked");
    http_exchange_set(request->exchange, client_left, call);
    *ret_call = call;
    return 0;
}

static void call_destroy(struct call *call)
{
    assert(call->api->calls > 0);
    call->api->calls--;
    buffer_finish(&call->text);
    others_finish(call->others);
    free(call);
}

/* Many may have asked while there was room. */
static bool finds_room(const struct call *call)
{
    struct troth_span method = http_exchange_method(call->exchange);
    bool asks = method.len == 3 && memcmp(method.data, "GET", 3) == 0;
    return !asks || http_exchange_has_room(call->exchange, 100);
}

void call_reply(struct call *call, int status, const struct http_header *headers,
                struct buffer *body)
{
    CRASH_POINT("client.answer");
    if (call->exchange != NULL && finds_room(call)) {
        reply_json(call->exchange, status, headers, body);
    } else if (call->exchange != NULL) {
        struct api_problem problem;
        api_problem_set(&problem, API_PROBLEM_FULL,
                        "too many bytes of answers wait for clients that do not read them "
                        "(answers_bytes_max); ask again");
        reply_problem(call->exchange, &problem, NULL);
    }
    call_destroy(call);
}

void call_refuse(struct call *call, const struct api_problem *problem)
{
    if (call->exchange != NULL)
        reply_problem(call->exchange, problem, NULL);
    call_destroy(call);
}

void reply_json(struct http_exchange *exchange, int status, const struct http_header *headers,
                struct buffer *body)
{
    if (body != NULL && body->failed) {
        struct api_problem problem;
        api_problem_set(&problem, API_PROBLEM_UNAVAILABLE,
                        "out of memory for the answer; what was asked for may have been done");
        reply_problem(exchange, &problem, NULL);
        return;
    }
    bool has_body = body != NULL && body->len > 0;
    http_exchange_reply(exchange, status, has_body ? JSON_TYPE : NULL, headers,
                        has_body ? buffer_span(body) : (struct troth_span){"", 0});
}

void reply_problem(struct http_exchange *exchange, const struct api_problem *problem,
                   const char *allow)
{
    static const char bare[] = "{\"type\":\"about:blank\",\"title\":\"out of memory\","
                               "\"status\":503,\"detail\":\"out of memory\"}\n";
    BUFFER_SCOPED struct buffer body = {0};
    BUFFER_SCOPED struct buffer seconds = {0};
    char location[sizeof TRANSACTION_PATH + TROTH_GTID_TEXT_LEN] = TRANSACTION_PATH;
    struct http_header headers[5] = {{NULL, NULL}};
    size_t count = 0;
    if (problem->gtid != NULL) {
        troth_gtid_format(problem->gtid, location + strlen(TRANSACTION_PATH));
        headers[count++] = (struct http_header){"Location", location};
    }
    if (problem->status == 401)
        headers[count++] = (struct http_header){"WWW-Authenticate", "Bearer realm=\"troth\""};
    if (problem->retry_after_s > 0) {
        buffer_append_uint(&seconds, problem->retry_after_s);
        const char *text = buffer_text(&seconds);
        headers[count++] = (struct http_header){"Retry-After", text != NULL ? text : "1"};
    }
    if (allow != NULL)
        headers[count] = (struct http_header){"Allow", allow};
    problem_append(&body, problem);
    if (body.failed)
        http_exchange_reply(exchange, 503, PROBLEM_TYPE, headers,
                            (struct troth_span){bare, sizeof bare - 1});
    else
        http_exchange_reply(exchange, problem->status, PROBLEM_TYPE, headers, buffer_span(&body));
}
