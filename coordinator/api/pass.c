/* pass.c: a request whose shard another node leads goes there as it is, and its answer comes back
 * as it is. What may have arrived there and is not answered may have been done: 504, unless it only
 * asks. One that was passed on already goes no further: so it never goes in a circle. */
#include "pass.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <base/number.h>
#include <base/span.h>

#include "call.h"
#include "limits.h"
#include "outgoing.h"
#include "problem_body.h"

#define ASK_US     UINT64_C(5000000)                 /* what only asks */
#define MARGIN_US  UINT64_C(15000000)                /* beyond what the client waits */
#define STREAM_US  (UINT64_C(400) * 86400 * 1000000) /* longer than any transaction is open */
#define QUIET_US   (3 * API_WATCH_QUIET_US)
#define EVENT_TYPE "text/event-stream"

/* One request, until its answer is there or its client has left. */
struct passed {
    struct passed *next;
    struct api *api;
    struct http_exchange *exchange;
    struct http_call *call;
    struct outgoing outgoing;
    char who[API_WHO_MAX];
    struct limits_follower follower; /* of a stream */
    bool asks;                       /* it changes nothing */
    bool has_gtid;
    troth_gtid gtid;
    bool streaming;      /* the stream has begun */
    struct buffer event; /* of a stream, while its lines come: written as a whole */
    uint64_t event_id;   /* of the last one */
};

static void passed_destroy(struct passed *passed)
{
    struct passed **at = &passed->api->passed;
    while (*at != passed)
        at = &(*at)->next;
    *at = passed->next;
    assert(passed->api->calls > 0);
    passed->api->calls--;
    limits_unfollow(passed->api->limits, &passed->follower);
    buffer_finish(&passed->event);
    free(passed);
}

static void client_left(void *arg, struct http_exchange *exchange)
{
    struct passed *passed = arg;
    assert(passed->exchange == exchange);
    http_call_cancel(passed->call);
    passed_destroy(passed);
}

/* --- a stream of events ----------------------------------------------------------------------- */

/* The last word to who does not read, or may not any more. */
static void end_stream(struct passed *passed, const char *name, const struct api_problem *problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_format(
        &text, "id: %llu\nevent: %s\ndata: ", (unsigned long long)passed->event_id + 1, name);
    problem_append(&text, problem); /* ends with a line feed */
    buffer_append_char(&text, '\n');
    if (!text.failed && name[0] != '\0')
        http_exchange_write(passed->exchange, buffer_span(&text));
    http_exchange_end(passed->exchange);
    http_call_cancel(passed->call);
    passed_destroy(passed);
}

static void client_slow(void *arg, struct http_exchange *exchange)
{
    struct passed *passed = arg;
    struct api_problem problem;
    assert(passed->exchange == exchange);
    api_problem_set(&problem, API_PROBLEM_FULL,
                    "events are not read, and too many bytes of them wait (watchers_bytes_max): "
                    "those in between are left out; follow it again");
    end_stream(passed, "dropped", &problem);
}

/* An event is written when it is whole: so what is cut off begins and ends between two. */
static void on_line(void *arg, struct troth_span line)
{
    struct passed *passed = arg;
    if (!passed->streaming)
        return;
    if (line.len > 4 && memcmp(line.data, "id: ", 4) == 0)
        passed->event_id = strtoull(line.data + 4, NULL, 10); /* a line feed ends it */
    buffer_append_span(&passed->event, line);
    buffer_append_char(&passed->event, '\n');
    if (line.len > 0)
        return;
    if (!passed->event.failed)
        http_exchange_write(passed->exchange, buffer_span(&passed->event));
    buffer_clear(&passed->event);
}

void pass_end_of(struct api *api, const char *who)
{
    struct passed *next;
    for (struct passed *passed = api->passed; passed != NULL; passed = next) {
        struct api_problem problem;
        next = passed->next;
        if (!passed->streaming || strcmp(passed->who, who) != 0)
            continue;
        api_problem_set(&problem, API_PROBLEM_UNAUTHENTICATED, "the key was revoked");
        end_stream(passed, "", &problem);
    }
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Those of the API's own answers; Date, lengths and the connection are the server's. */
static const char *const kept[] = {"Location",           "Retry-After",         "Allow",
                                   "WWW-Authenticate",   "Cache-Control",       "X-Accel-Buffering",
                                   "Preference-Applied", "Idempotency-Replayed"};
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

struct head {
    struct buffer texts;
    const char *type; /* NULL: no body */
    struct http_header headers[KEPT_COUNT + 1];
};

/* false: no memory. */
static bool head_read(const struct http_reply *reply, struct head *ret_head)
{
    size_t at[KEPT_COUNT + 1];
    struct troth_span value;
    bool there[KEPT_COUNT + 1];
    for (size_t i = 0; i <= KEPT_COUNT; i++) {
        at[i] = ret_head->texts.len;
        there[i] = http_reply_header(reply, i < KEPT_COUNT ? kept[i] : "Content-Type", &value);
        if (there[i])
            buffer_append_span(&ret_head->texts, value);
        buffer_append_char(&ret_head->texts, '\0');
    }
    if (ret_head->texts.failed)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < KEPT_COUNT; i++)
        if (there[i])
            ret_head->headers[count++] =
                (struct http_header){kept[i], ret_head->texts.data + at[i]};
    ret_head->type = there[KEPT_COUNT] ? ret_head->texts.data + at[KEPT_COUNT] : NULL;
    return true;
}

/* Nothing is known of what became of it, unless it only asks. */
static void refuse(struct passed *passed, int error, const char *why)
{
    struct api_problem problem;
    const char *node = passed->outgoing.node;
    if (error == TROTH_ERROR_UNAVAILABLE)
        api_problem_set(&problem, API_PROBLEM_UNAVAILABLE,
                        "node %s leads what this is about, and cannot be reached (%s); nothing was "
                        "done, try again",
                        node, why);
    else if (passed->asks)
        api_problem_set(&problem, API_PROBLEM_UNAVAILABLE,
                        "node %s leads what this is about, and has not answered (%s); ask again",
                        node, why);
    else
        api_problem_set(&problem, API_PROBLEM_OUTCOME_UNKNOWN,
                        "it was passed on to node %s, which leads what it is about, and the answer "
                        "did not come (%s): ask (a start: GET /v1/transactions?key=), or send it "
                        "again under its Idempotency-Key; a start without one would begin another",
                        node, why);
    problem.gtid = passed->has_gtid && problem.status == 504 ? &passed->gtid : NULL;
    reply_problem(passed->exchange, &problem, NULL);
}

/* Byte for byte. A client that asked while there was room may find none now. */
static void hand_on(struct passed *passed, const struct http_reply *reply)
{
    struct head head = {.type = NULL};
    if (passed->asks && !http_exchange_has_room(passed->exchange, 100)) {
        struct api_problem problem;
        api_problem_set(&problem, API_PROBLEM_FULL,
                        "too many bytes of answers wait for clients that do not read them "
                        "(answers_bytes_max); ask again");
        reply_problem(passed->exchange, &problem, NULL);
    } else if (head_read(reply, &head)) {
        http_exchange_reply(passed->exchange, reply->status, head.type, head.headers, reply->body);
    } else {
        refuse(passed, TROTH_ERROR_LOST, "out of memory for the answer");
    }
    buffer_finish(&head.texts);
}

static void on_head(void *arg, const struct http_reply *reply)
{
    struct passed *passed = arg;
    struct head head = {.type = NULL};
    struct troth_span length;
    uint64_t bytes = 0;
    bool good = outgoing_is_answered(&passed->outgoing, reply) && head_read(reply, &head);
    if (good && reply->status == 200 && head.type != NULL && strcmp(head.type, EVENT_TYPE) == 0 &&
        span_is(http_exchange_method(passed->exchange), "GET")) {
        http_exchange_begin(passed->exchange, reply->status, head.type, head.headers);
        http_exchange_slow(passed->exchange, client_slow);
        passed->streaming = true;
    } else if (http_reply_header(reply, "Content-Length", &length) &&
               number_parse(length, UINT32_MAX, &bytes) == 0) {
        http_exchange_promise(passed->exchange, bytes);
    }
    buffer_finish(&head.texts);
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct passed *passed = arg;
    if (passed->streaming)
        http_exchange_end(passed->exchange);     /* whole or not: the last event says that it is */
    else if (error == TROTH_ERROR_SHUTTING_DOWN) /* passing_look(), passing_finish() */
        refuse(passed, error, "it is not believed to live any more, or this node stops");
    else if (error != 0)
        refuse(passed, error, reply->why);
    else if (!outgoing_is_answered(&passed->outgoing, reply))
        refuse(passed, TROTH_ERROR_PROTOCOL,
               "what answers at its node_address is another, or was started again");
    else
        hand_on(passed, reply);
    passed_destroy(passed);
}

/* --- the request ------------------------------------------------------------------------------ */

static struct passed *passed_create(const struct request *request, const troth_gtid *gtid)
{
    struct passed *passed = calloc(1, sizeof *passed);
    struct troth_span method = http_exchange_method(request->exchange);
    if (passed == NULL)
        return NULL;
    *passed = (struct passed){.next = request->api->passed,
                              .api = request->api,
                              .exchange = request->exchange,
                              .asks = span_is(method, "GET") || span_is(method, "HEAD"),
                              .has_gtid = gtid != NULL};
    if (gtid != NULL)
        passed->gtid = *gtid;
    memcpy(passed->who, request->identity.who, sizeof passed->who);
    request->api->passed = passed;
    request->api->calls++;
    return passed;
}

static uint64_t time_of(const struct request *request, bool asks)
{
    const struct api_host *host = &request->api->host;
    struct preference prefer = {0};
    struct troth_span value;
    if (asks)
        return ASK_US;
    if (http_exchange_header(request->exchange, "Prefer", &value))
        headers_prefer(value, &prefer);
    return MARGIN_US + (prefer.has_wait ? prefer.wait_s * UINT64_C(1000000) : host->reply_wait_us);
}

static int pass_on(const struct request *request, const struct api_node *node,
                   const troth_gtid *gtid, bool streams, struct api_problem *ret_problem)
{
    if (request->api->calls >= API_CALLS_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "%u requests wait already",
                               API_CALLS_MAX);
    struct passed *passed = passed_create(request, gtid);
    if (passed == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    struct http_request how = {.timeout_us = streams ? STREAM_US : time_of(request, passed->asks),
                               .quiet_us = streams ? QUIET_US : 0,
                               .on_head = on_head,
                               .on_line = streams ? on_line : NULL,
                               .on_done = on_done,
                               .arg = passed};
    int error = streams && span_is(http_exchange_method(request->exchange), "GET")
                    ? limits_follow(request, &passed->follower, ret_problem)
                    : 0;
    if (error == 0)
        error = outgoing_send(request, node, &how, &passed->outgoing, &passed->call, ret_problem);
    if (error != 0) {
        passed_destroy(passed);
        return error;
    }
    http_exchange_set(request->exchange, client_left, passed);
    return 0;
}

static bool ends_with(struct troth_span text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* Whose the idempotency key is; one that makes no sense is refused where it was asked. */
static enum api_whose whose_key(const struct request *request, struct api_node *ret_node)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer key = {0};
    struct troth_span value, none = {NULL, 0};
    struct api_problem problem;
    if (!http_exchange_header(request->exchange, "Idempotency-Key", &value))
        return host->whose(host->ctx, NULL, none, ret_node);
    if (headers_idempotency_key(value, &key, &problem) != 0)
        return API_WHOSE_OURS;
    return host->whose(host->ctx, NULL, buffer_span(&key), ret_node);
}

/* A list of what one idempotency key began is the one who leads that key's shard. */
static enum api_whose whose_list(const struct request *request, struct api_node *ret_node)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer key = {0};
    if (!http_exchange_parameter(request->exchange, "key", &key) || key.failed || key.len == 0)
        return API_WHOSE_OURS;
    return host->whose(host->ctx, NULL, buffer_span(&key), ret_node);
}

static enum api_whose whose(const struct request *request, enum route_by by, troth_gtid *ret_gtid,
                            struct api_node *ret_node)
{
    const struct api_host *host = &request->api->host;
    struct troth_span none = {NULL, 0};
    switch (by) {
    case ROUTE_BY_GTID:
        if (troth_gtid_parse(request->named.data, request->named.len, ret_gtid) != 0)
            return API_WHOSE_OURS; /* and refused */
        return host->whose(host->ctx, ret_gtid, none, ret_node);
    case ROUTE_BY_KEY:
        return whose_key(request, ret_node);
    case ROUTE_BY_ALL:
        return whose_list(request, ret_node);
    case ROUTE_BY_ANYBODY:
        break;
    }
    return API_WHOSE_OURS;
}

int pass_request(const struct request *request, enum route_by by, bool *ret_is_ours,
                 struct api_problem *ret_problem)
{
    struct api_node node = {.name = NULL};
    troth_gtid gtid;
    enum api_whose answers = whose(request, by, &gtid, &node);
    if (answers == API_WHOSE_OURS)
        return 0;
    if (answers == API_WHOSE_NOBODYS || request->is_passed)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                               "the shard of the journal that this is about changes hands; nothing "
                               "was done, try again");
    *ret_is_ours = false;
    bool streams =
        by == ROUTE_BY_GTID && ends_with(http_exchange_path(request->exchange), "/events");
    return pass_on(request, &node, by == ROUTE_BY_GTID ? &gtid : NULL, streams, ret_problem);
}
