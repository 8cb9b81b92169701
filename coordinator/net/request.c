/* request.c: one HTTP request under way, in either binding: replicas, fail-over, its end. */
#include "lane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>
#include <base/number.h>

static const struct binding *binding_of(const struct request *request)
{
    switch (request->route->binding) {
    case CHANNEL_HTTP:
        return &channel_binding_http;
    case CHANNEL_BATCH:
        break;
    }
    return &channel_binding_batch;
}

/* Could not be reached: on to the next, past those that lack the operation. */
static void replica_pass(struct request *request)
{
    struct route *route = request->route;
    route->replicas[request->replica].avoid_until_us = mono_now().us + CHANNEL_AVOID_US;
    request->passed = request->replica;
    do {
        request->tried++;
        request->replica = (request->replica + 1) % route->replica_count;
    } while (request->tried < route->replica_count &&
             channel_route_is_among(request->lacking, request->replica));
}

static void fail_open(struct request *request, enum message_trouble trouble, const char *reason,
                      bool was_sent)
{
    struct item *item;
    while ((item = TAILQ_FIRST(&request->open)) != NULL) {
        channel_item_fail(request->channel, item, trouble, reason, was_sent);
    }
}

static enum message_trouble trouble_of_errno(int error)
{
    switch (error) {
    case ENOENT:
        return TROUBLE_NO_ADDRESS;
    case ECONNREFUSED:
        return TROUBLE_CONNECTION_REFUSED;
    default:
        return TROUBLE_NOT_CONNECTED;
    }
}

/* No replica can be reached: the words are those of the last one tried. */
static void fail_unreachable(struct request *request)
{
    const struct replica *last = &request->route->replicas[request->passed];
    const struct http_peer *peer = last->peers[request->lane];
    const char *why = http_peer_why(peer);
    channel_contact_failed(request->channel, why, false);
    fail_open(request, trouble_of_errno(http_peer_errno(peer)),
              why[0] != 0 ? why : "the participant can not be reached", false);
    channel_request_free(request);
}

void channel_request_free(struct request *request)
{
    struct channel *channel = request->channel;
    assert(TAILQ_EMPTY(&request->open));
    channel->lanes[request->lane].requests--;
    TAILQ_REMOVE(&channel->requests, request, link);
    channel_route_drop(request->route);
    free(request);
    channel_is_due(channel);
}

/* To its replica, or to the next that is not refused at once. */
static void request_send(struct request *request)
{
    struct route *route = request->route;
    while (request->tried < route->replica_count) {
        struct replica *replica = &route->replicas[request->replica];
        int result = binding_of(request)->call(request, replica->peers[request->lane]);
        if (result == 0) {
            return;
        }
        if (result != TROTH_ERROR_UNAVAILABLE) {
            fail_open(request, TROUBLE_NOT_CONNECTED, "out of memory", false);
            channel_request_free(request);
            return;
        }
        replica_pass(request);
    }
    fail_unreachable(request);
}

/* Items off the queue, as many as one request takes; but not those that this replica lacks. */
static void fill(struct request *request)
{
    struct channel *channel = request->channel;
    struct lane *lane = &channel->lanes[request->lane];
    uint32_t commands_max = binding_of(request)->commands_max;
    size_t bytes = 0;
    struct item *next = NULL;
    for (uint32_t count = 0; count < commands_max && lane->queued > 0; count++) {
        struct item *item = count == 0 ? TAILQ_FIRST(&lane->queue) : next;
        if (item == NULL || channel_route_is_among(item->lacking, request->replica)) {
            break;
        }
        next = TAILQ_NEXT(item, link);
        bytes += item->command.input.len;
        if (count > 0 && bytes > CHANNEL_BATCH_BYTES_MAX) {
            break;
        }
        request->lacking |= item->lacking;
        TAILQ_REMOVE(&lane->queue, item, link);
        lane->queued--;
        TAILQ_INSERT_TAIL(&request->open, item, link);
        item->request = request;
        channel->in_flight++;
    }
}

static void fail_first(struct channel *channel, enum lane_number lane)
{
    channel_item_fail(channel, TAILQ_FIRST(&channel->lanes[lane].queue), TROUBLE_NOT_CONNECTED,
                      "out of memory", false);
}

void channel_request_start(struct channel *channel, enum lane_number lane)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        fail_first(channel, lane);
        return;
    }
    request->channel = channel;
    request->lane = lane;
    request->route = channel->route;
    request->route->refs++;
    request->replica =
        channel_route_choose(request->route, TAILQ_FIRST(&channel->lanes[lane].queue)->lacking);
    TAILQ_INIT(&request->open);
    TAILQ_INSERT_TAIL(&channel->requests, request, link);
    channel->lanes[lane].requests++;
    fill(request);
    request_send(request);
}

uint64_t channel_request_timeout_us(const struct request *request)
{
    uint64_t now_us = mono_now().us;
    uint64_t longest_us = 1;
    const struct item *item;
    TAILQ_FOREACH(item, &request->open, link)
    {
        uint64_t left_us = channel_item_left_us(item, now_us);
        longest_us = left_us > longest_us ? left_us : longest_us;
    }
    return longest_us;
}

uint32_t channel_request_headers(struct request *request, struct http_header headers[2],
                                 struct buffer *text)
{
    struct channel *channel = request->channel;
    headers[0] = (struct http_header){HEADER_JOURNAL, channel->journal};
    buffer_clear(text);
    if (channel->config.oldest_open != NULL) {
        channel->config.oldest_open(channel->config.arg, channel->marks_round++, text);
    }
    if (text->len == 0) {
        return 1;
    }
    headers[1] = (struct http_header){HEADER_OLDEST_OPEN, buffer_text(text)};
    return headers[1].value != NULL ? 2 : 1;
}

static uint32_t announced(const struct http_reply *reply, const char *name, uint32_t otherwise)
{
    struct troth_span value;
    uint64_t number = 0;
    if (!http_reply_header(reply, name, &value) ||
        number_parse(value, CHANNEL_SLOTS_MAX, &number) == TROTH_ERROR_SYNTAX || number == 0) {
        return otherwise;
    }
    return (uint32_t)number;
}

/* Who says nothing of its places has as many as slots. */
void channel_request_read_slots(struct request *request, const struct http_reply *reply)
{
    struct slots_pool *pool = &request->channel->pool;
    if (request->slots_read) {
        return;
    }
    request->slots_read = true;
    breaker_heard(pool);
    uint32_t slots = announced(reply, HEADER_SLOTS, 0);
    if (slots > 0) {
        pool->slots = slots;
        request->channel->announced = true;
    }
    pool->places = announced(reply, HEADER_PLACES, pool->slots);
    if (pool->places < pool->slots) {
        pool->places = pool->slots;
    }
    channel_is_due(request->channel);
}

static enum message_trouble trouble_of(int error)
{
    switch (error) {
    case TROTH_ERROR_TIMEOUT:
        return TROUBLE_TIMEOUT;
    case TROTH_ERROR_LOST:
        return TROUBLE_CONNECTION_LOST;
    default: /* an error number, not an enum of ours */
        return TROUBLE_NOT_UNDERSTOOD;
    }
}

/* Could not connect: the next replica, if there is one left. */
static void fail_over(struct request *request)
{
    struct channel *channel = request->channel;
    replica_pass(request);
    if (TAILQ_EMPTY(&request->open)) { /* all have run out of time meanwhile */
        channel->reachable = false;
        channel_request_free(request);
        return;
    }
    request_send(request);
}

void channel_request_done(void *arg, int error, const struct http_reply *reply)
{
    struct request *request = arg;
    struct channel *channel = request->channel;
    if (error == TROTH_ERROR_UNAVAILABLE) {
        fail_over(request);
        return;
    }
    if (error == 0) {
        channel_contact_answered(channel, reply);
        channel_request_read_slots(request, reply);
        binding_of(request)->answered(request, reply);
        fail_open(request, TROUBLE_NOT_UNDERSTOOD,
                  "the participant's answer has no result for this command", true);
    } else {
        channel_contact_failed(channel, reply->why, true);
        fail_open(request, trouble_of(error), reply->why, true);
    }
    channel_request_free(request);
}
