/* /v1/events: outcome events that Kafka will not take, and that wait for an operator. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "others.h"
#include "request.h"
#include "router.h"
#include <base/json.h>
#include <base/number.h>

static const struct http_header no_headers[] = {{NULL, NULL}};

/* A UUID in its text form: what the header ce_id says. */
static bool id_read(struct troth_span text, uint8_t ret_id[API_EVENT_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < API_EVENT_ID_BYTES; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        if (text.len < at + 2 + dash || (dash && text.data[at++] != '-'))
            return false;
        const char *high = memchr(digits, text.data[at], 16);
        const char *low = memchr(digits, text.data[at + 1], 16);
        if (high == NULL || low == NULL)
            return false;
        ret_id[i] = (uint8_t)((high - digits) << 4 | (low - digits));
        at += 2;
    }
    return at == text.len;
}

static int request_id(const struct request *request, uint8_t ret_id[API_EVENT_ID_BYTES],
                      struct api_problem *ret_problem)
{
    if (id_read(request->named, ret_id))
        return 0;
    return api_problem_set(ret_problem, API_PROBLEM_NO_SUCH_EVENT,
                           "\"%.*s\" is not an event's id (its ce_id: 8-4-4-4-12 hex digits)",
                           SHOWN(request->named));
}

static void append_id(struct buffer *object, const uint8_t *id)
{
    buffer_append_text(object, "\"id\":\"");
    for (size_t i = 0; i < API_EVENT_ID_BYTES; i++)
        buffer_append_format(object, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                             id[i]);
    buffer_append_char(object, '"');
}

static void append_time(struct buffer *object, const char *name, struct wall at)
{
    char text[WALL_TEXT_LEN + 1];
    buffer_append_format(object, ",\"%s\":", name);
    if (at.us == 0) {
        buffer_append_text(object, "null");
        return;
    }
    wall_format(at, text);
    json_append_text(object, text);
}

static void append_members(struct buffer *object, const struct api_event *event)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&event->gtid, gtid);
    append_id(object, event->id);
    buffer_append_format(object, ",\"gtid\":\"%s\",\"topic\":", gtid);
    json_append_text(object, event->topic);
    buffer_append_text(object, ",\"key\":");
    json_append_string(object, event->key);
    buffer_append_text(object, ",\"bytes\":");
    buffer_append_uint(object, event->bytes);
    append_time(object, "made_at", event->made_at);
    append_time(object, "set_aside_at", event->set_aside_at);
    buffer_append_text(object, ",\"reason\":");
    json_append_text(object, event->reason);
}

/* --- the list ----------------------------------------------------------------------------------
 */

static void add(void *arg, const struct api_problem *problem, const struct api_event *event)
{
    struct buffer *body = arg;
    (void)problem;
    if (body->failed || body->len >= LIST_BYTES_MAX) /* `total` says that there are more */
        return;
    buffer_append_text(body, body->data[body->len - 1] == '[' ? "{" : ",{");
    append_members(body, event);
    buffer_append_char(body, '}');
}

/* What another node has set aside; what makes no sense is left out. */
static void add_others(const struct other_answer *answer, struct buffer *body, uint64_t *total)
{
    struct troth_span page, events, event, count;
    uint64_t number = 0;
    if (answer->status != 200 ||
        json_check(buffer_span(&answer->body), JSON_CHECK_KEPT, &page, NULL) != 0 ||
        !json_member(page, "events", &events) || json_type(events) != JSON_ARRAY ||
        !json_member(page, "total", &count) || number_parse(count, UINT32_MAX, &number) != 0)
        return;
    *total += number;
    struct json_cursor cursor = json_cursor(events);
    while (json_next(&cursor, NULL, &event) && !body->failed && body->len < LIST_BYTES_MAX) {
        if (body->data[body->len - 1] != '[')
            buffer_append_char(body, ',');
        buffer_append_span(body, event);
    }
}

/* Each node keeps those of the shards that it leads. */
static void list_all(void *arg, struct others *others)
{
    BUFFER_SCOPED struct buffer body = {0};
    struct call *call = arg;
    const struct api_host *host = &call->api->host;
    uint64_t total = 0;
    call->others = others;
    buffer_append_text(&body, "{\"events\":[");
    if (!body.failed)
        total = host->events(host->ctx, call->limit, add, &body);
    for (uint32_t i = 0; i < others_count(others); i++)
        add_others(others_at(others, i), &body, &total);
    buffer_append_format(&body, "],\"total\":%llu", (unsigned long long)total);
    others_append_missing(others, &body);
    buffer_append_text(&body, "}\n");
    call_reply(call, 200, no_headers, &body);
}

int asides_list(const struct request *request, struct api_problem *ret_problem)
{
    uint32_t limit = LIST_LIMIT_MAX;
    struct call *call = NULL;
    int error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &limit, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    call->limit = limit;
    if (!others_ask(request, list_all, call))
        list_all(call, NULL);
    return 0;
}

/* --- one ---------------------------------------------------------------------------------------
 */

static void shown(void *arg, const struct api_problem *problem, const struct api_event *event)
{
    BUFFER_SCOPED struct buffer body = {0};
    struct call *call = arg;
    if (problem != NULL) {
        call_refuse(call, problem);
        return;
    }
    buffer_append_char(&body, '{');
    append_members(&body, event);
    buffer_append_text(&body, ",\"type\":");
    json_append_string(&body, event->type);
    buffer_append_text(&body, ",\"headers\":");
    buffer_append_span(&body, event->headers);
    buffer_append_text(&body, ",\"payload\":");
    buffer_append_span(&body, event->payload);
    buffer_append_text(&body, "}\n");
    call_reply(call, 200, no_headers, &body);
}

static void done(void *arg, const struct api_problem *problem)
{
    struct call *call = arg;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        call_reply(call, 204, no_headers, NULL);
}

typedef void (*ask_host)(const struct api_host *host, struct call *call,
                         const uint8_t id[API_EVENT_ID_BYTES]);

/* One event, while the other nodes are asked whether it is theirs. */
struct search {
    struct call *call;
    ask_host ask;
    uint8_t id[API_EVENT_ID_BYTES];
};

/* The first that has it has answered for all. */
static bool answer_for(struct call *call, const struct others *others)
{
    for (uint32_t i = 0; i < others_count(others); i++) {
        const struct other_answer *answer = others_at(others, i);
        BUFFER_SCOPED struct buffer body = {0};
        if (answer->status / 100 != 2)
            continue;
        buffer_append_span(&body, buffer_span(&answer->body));
        call_reply(call, answer->status, no_headers, answer->status == 204 ? NULL : &body);
        return true;
    }
    return false;
}

static void search_here(void *arg, struct others *others)
{
    struct search *search = arg;
    struct call *call = search->call;
    if (answer_for(call, others)) {
        others_finish(others);
    } else {
        call->others = others;
        search->ask(&call->api->host, call, search->id);
    }
    free(search);
}

static int find(const struct request *request, ask_host ask, struct api_problem *ret_problem)
{
    struct search *search = malloc(sizeof *search);
    if (search == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    search->ask = ask;
    int error = request_id(request, search->id, ret_problem);
    if (error == 0)
        error = call_create(request, &search->call, ret_problem);
    if (error != 0) {
        free(search);
        return error;
    }
    if (!others_ask(request, search_here, search))
        search_here(search, NULL);
    return 0;
}

static void ask_get(const struct api_host *host, struct call *call, const uint8_t *id)
{
    host->event_get(host->ctx, id, shown, call);
}

static void ask_resend(const struct api_host *host, struct call *call, const uint8_t *id)
{
    host->event_resend(host->ctx, id, done, call);
}

static void ask_discard(const struct api_host *host, struct call *call, const uint8_t *id)
{
    host->event_discard(host->ctx, id, done, call);
}

int asides_get(const struct request *request, struct api_problem *ret_problem)
{
    return find(request, ask_get, ret_problem);
}

int asides_resend(const struct request *request, struct api_problem *ret_problem)
{
    return find(request, ask_resend, ret_problem);
}

int asides_discard(const struct request *request, struct api_problem *ret_problem)
{
    return find(request, ask_discard, ret_problem);
}
