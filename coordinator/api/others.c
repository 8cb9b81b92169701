/* others.c: see others.h. */
#include "others.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>

#define TIME_US UINT64_C(5000000)

struct other {
    struct others *others;
    struct outgoing outgoing;
    struct http_call *call;
    struct other_answer answer; /* status 0: none, or none of its own */
};

struct others {
    others_then then;
    void *arg;
    uint32_t count, waiting;
    struct other list[OTHERS_MAX];
};

static void settle(struct others *others)
{
    assert(others->waiting > 0);
    if (--others->waiting == 0)
        others->then(others->arg, others);
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct other *other = arg;
    if (error == 0 && outgoing_is_answered(&other->outgoing, reply)) {
        buffer_append_span(&other->answer.body, reply->body);
        other->answer.status = other->answer.body.failed ? 0 : reply->status;
    }
    settle(other->others);
}

static void ask_one(const struct request *request, const struct api_node *node,
                    struct others *others)
{
    struct other *other = &others->list[others->count++];
    struct http_request how = {.timeout_us = TIME_US, .on_done = on_done, .arg = other};
    struct api_problem problem;
    other->others = others;
    if (outgoing_send(request, node, &how, &other->outgoing, &other->call, &problem) == 0)
        others->waiting++;
}

bool others_ask(const struct request *request, others_then then, void *arg)
{
    const struct api_host *host = &request->api->host;
    struct api_node node;
    if (request->is_passed || !host->node_at(host->ctx, 0, &node))
        return false;
    struct others *others = calloc(1, sizeof *others);
    if (others == NULL)
        return false;
    others->then = then;
    others->arg = arg;
    others->waiting = 1; /* not before all were asked */
    for (uint32_t i = 0; i < OTHERS_MAX && host->node_at(host->ctx, i, &node); i++)
        ask_one(request, &node, others);
    settle(others);
    return true;
}

uint32_t others_count(const struct others *others)
{
    return others != NULL ? others->count : 0;
}

const struct other_answer *others_at(const struct others *others, uint32_t i)
{
    return &others->list[i].answer;
}

void others_append_missing(const struct others *others, struct buffer *object)
{
    const char *between = ",\"missing\":[";
    for (uint32_t i = 0; i < others_count(others); i++) {
        if (others->list[i].answer.status / 100 == 2)
            continue;
        buffer_append_text(object, between);
        json_append_text(object, others->list[i].outgoing.node);
        between = ",";
    }
    if (between[1] == '\0')
        buffer_append_char(object, ']');
}

void others_finish(struct others *others)
{
    if (others == NULL)
        return;
    for (uint32_t i = 0; i < others->count; i++)
        buffer_finish(&others->list[i].answer.body);
    free(others);
}
