/* GET /v1/transactions/{gtid}/events: progress as server-sent events (WHATWG HTML, section 9.2). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "limits.h"
#include "pass.h"
#include "problem_body.h"
#include "request.h"
#include "router.h"
#include "view.h"

#define EVENTS_TYPE "text/event-stream"

/* A client that follows one transaction, from its request until the host's last word or until it
 * leaves. */
struct watch {
    struct watch *next;
    struct api *api;
    struct http_exchange *exchange; /* NULL: given up; the host's last word frees it */
    char who[API_WHO_MAX];          /* follows it */
    struct limits_follower follower;
    troth_gtid gtid;
    uint64_t id; /* of the last event; 0: the stream has not begun */
};

/* Neither caches nor proxies may hold it back. */
static const struct http_header stream_headers[] = {
    {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}, {NULL, NULL}};

static void watch_destroy(struct watch *watch)
{
    struct watch **at = &watch->api->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    limits_unfollow(watch->api->limits, &watch->follower);
    free(watch);
}

static void client_left(void *arg, struct http_exchange *exchange)
{
    struct watch *watch = arg;
    const struct api_host *host = &watch->api->host;
    assert(watch->exchange == exchange);
    host->unwatch(host->ctx, watch);
    watch_destroy(watch);
}

/* It does not read: the stream ends here, with a word to say why. */
static void client_slow(void *arg, struct http_exchange *exchange)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct watch *watch = arg;
    const struct api_host *host = &watch->api->host;
    struct api_problem problem;
    assert(watch->exchange == exchange);
    api_problem_set(&problem, API_PROBLEM_FULL,
                    "events are not read, and too many bytes of them wait (watchers_bytes_max): "
                    "those in between are left out; follow it again");
    buffer_append_format(&text,
                         "id: %llu\nevent: dropped\ndata: ", (unsigned long long)watch->id + 1);
    problem_append(&text, &problem); /* ends with a line feed */
    buffer_append_char(&text, '\n');
    if (!text.failed)
        http_exchange_write(exchange, buffer_span(&text));
    http_exchange_end(exchange);
    host->unwatch(host->ctx, watch);
    watch_destroy(watch);
}

/* --- the stream ------------------------------------------------------------------------------- */

/* Payloads may be laid out over lines. In JSON a line feed stands only between tokens, so that a
 * space says the same; in the stream it would end the line. */
static void make_one_line(struct buffer *text, size_t from)
{
    for (size_t i = from; i < text->len && !text->failed; i++)
        if (text->data[i] == '\n' || text->data[i] == '\r')
            text->data[i] = ' ';
}

static void append_event(struct buffer *text, uint64_t id, const struct api_progress *progress)
{
    static const char *const names[] = {
        [API_PROGRESS_STATE] = "state",
        [API_PROGRESS_MOMENT] = "moment",
        [API_PROGRESS_ENDED] = "ended",
    };
    buffer_append_text(text, "id: ");
    buffer_append_uint(text, id);
    buffer_append_text(text, "\nevent: ");
    buffer_append_text(text, names[progress->kind]);
    buffer_append_text(text, "\ndata: ");
    size_t data = text->len;
    if (progress->kind == API_PROGRESS_MOMENT)
        buffer_append_span(text, progress->moment);
    else
        view_append(text, progress->view,
                    progress->kind == API_PROGRESS_ENDED ? VIEW_STEPS | VIEW_TIMELINE | VIEW_SHORT
                                                         : VIEW_STEPS);
    make_one_line(text, data);
    buffer_append_text(text, "\n\n");
}

/* Nothing more for this client: an end without `ended`, after which it may ask again. */
static void give_up(struct watch *watch, const struct api_problem *problem)
{
    if (watch->exchange == NULL)
        return;
    if (watch->id == 0)
        reply_problem(watch->exchange, problem, NULL);
    else
        http_exchange_end(watch->exchange);
    watch->exchange = NULL;
}

static void send_event(struct watch *watch, const struct api_progress *progress)
{
    BUFFER_SCOPED struct buffer text = {0};
    append_event(&text, watch->id + 1, progress);
    if (text.failed) {
        struct api_problem problem;
        api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "out of memory; ask again");
        give_up(watch, &problem);
        return;
    }
    if (watch->id++ == 0) {
        http_exchange_begin(watch->exchange, 200, EVENTS_TYPE, stream_headers);
        http_exchange_slow(watch->exchange, client_slow);
    }
    http_exchange_write(watch->exchange, buffer_span(&text));
}

static void progressed(void *arg, const struct api_problem *problem,
                       const struct api_progress *progress)
{
    static const char quiet[] = ": nothing new\n\n";
    struct watch *watch = arg;
    bool last = problem != NULL || progress->kind == API_PROGRESS_ENDED;
    if (problem != NULL)
        give_up(watch, problem);
    else if (watch->exchange != NULL && progress->kind != API_PROGRESS_QUIET)
        send_event(watch, progress);
    else if (watch->exchange != NULL && watch->id > 0)
        http_exchange_write(watch->exchange, (struct troth_span){quiet, sizeof quiet - 1});
    if (!last)
        return;
    if (watch->exchange != NULL)
        http_exchange_end(watch->exchange);
    watch_destroy(watch);
}

/* His streams end here; what he asks again is answered as he deserves then. */
void events_end_of(struct api *api, const char *who)
{
    const struct api_host *host = &api->host;
    pass_end_of(api, who);
    struct watch *next;
    for (struct watch *watch = api->watches; watch != NULL; watch = next) {
        next = watch->next;
        if (watch->exchange == NULL || strcmp(watch->who, who) != 0)
            continue;
        struct api_problem problem;
        api_problem_set(&problem, API_PROBLEM_UNAUTHENTICATED, "the key was revoked");
        give_up(watch, &problem);
        host->unwatch(host->ctx, watch);
        watch_destroy(watch);
    }
}

void api_identity_ended(struct api *api, const char *who)
{
    events_end_of(api, who);
}

/* --- the request ------------------------------------------------------------------------------ */

static int check_room(const struct api *api, const troth_gtid *gtid,
                      struct api_problem *ret_problem)
{
    uint32_t all = 0, same = 0;
    for (const struct watch *watch = api->watches; watch != NULL; watch = watch->next) {
        all++;
        same += troth_gtid_equal(&watch->gtid, gtid);
    }
    if (same >= API_WATCHERS_PER_TRANSACTION_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_FULL,
                               "%u clients watch this transaction already",
                               API_WATCHERS_PER_TRANSACTION_MAX);
    if (all >= API_WATCHERS_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_FULL,
                               "%u clients watch transactions already", API_WATCHERS_MAX);
    return 0;
}

static void looked(void *arg, const struct api_problem *problem, const struct api_view *view,
                   bool fresh)
{
    static const struct http_header headers[] = {{"Content-Type", EVENTS_TYPE}, {NULL, NULL}};
    (void)view;
    (void)fresh;
    if (problem != NULL)
        call_refuse(arg, problem);
    else
        call_reply(arg, 200, headers, NULL);
}

/* A HEAD only wants to know whether there is something to follow. */
static int look(const struct request *request, const troth_gtid *gtid,
                struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct call *call;
    int error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->get(host->ctx, gtid, looked, call);
    return 0;
}

static bool is_head(const struct http_exchange *exchange)
{
    struct troth_span method = http_exchange_method(exchange);
    return method.len == 4 && memcmp(method.data, "HEAD", 4) == 0;
}

int events_follow(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    troth_gtid gtid;
    int error = request_gtid(request, &gtid, ret_problem);
    if (error != 0)
        return error;
    if (is_head(request->exchange))
        return look(request, &gtid, ret_problem);
    error = check_room(request->api, &gtid, ret_problem);
    if (error != 0)
        return error;
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    *watch = (struct watch){.next = request->api->watches,
                            .api = request->api,
                            .exchange = request->exchange,
                            .gtid = gtid};
    memcpy(watch->who, request->identity.who, sizeof watch->who);
    request->api->watches = watch;
    error = limits_follow(request, &watch->follower, ret_problem);
    if (error != 0) {
        watch_destroy(watch);
        return error;
    }
    http_exchange_set(request->exchange, client_left, watch);
    host->watch(host->ctx, &gtid, progressed, watch);
    return 0;
}
