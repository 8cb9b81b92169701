/* outbound.c: one HTTP request under way, in either binding: replicas, fail-over, its end. */
#include "outbound.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <base/now.h>

#include "binding.h"
#include "contact.h"
#include "item.h"
#include "route.h"

static const struct binding *binding_of(const struct outbound *outbound)
{
    switch (outbound->route->binding) {
    case CHANNEL_HTTP:
        return &channel_binding_http;
    case CHANNEL_BATCH:
        break;
    }
    return &channel_binding_batch;
}

/* Could not be reached: on to the next, past those that lack the operation. */
static void replica_pass(struct outbound *outbound)
{
    struct route *route = outbound->route;
    route->replicas[outbound->replica].avoid_until_us = mono_now().us + CHANNEL_AVOID_US;
    outbound->passed = outbound->replica;
    do {
        outbound->tried++;
        outbound->replica = (outbound->replica + 1) % route->replica_count;
    } while (outbound->tried < route->replica_count &&
             channel_route_is_among(outbound->lacking, outbound->replica));
}

static void fail_open(struct outbound *outbound, enum message_trouble trouble, const char *reason,
                      bool was_sent)
{
    struct item *item;
    while ((item = TAILQ_FIRST(&outbound->open)) != NULL)
        channel_item_fail(outbound->channel, item, trouble, reason, was_sent);
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
static void fail_unreachable(struct outbound *outbound)
{
    const struct replica *last = &outbound->route->replicas[outbound->passed];
    const struct http_peer *peer = last->peers[outbound->phase];
    const char *why = http_peer_why(peer);
    channel_contact_failed(outbound->channel, why, false);
    fail_open(outbound, trouble_of_errno(http_peer_errno(peer)),
              why[0] != 0 ? why : "the participant cannot be reached", false);
    channel_outbound_free(outbound);
}

void channel_outbound_free(struct outbound *outbound)
{
    struct channel *channel = outbound->channel;
    assert(TAILQ_EMPTY(&outbound->open) && channel->phases[outbound->phase].requests > 0);
    channel->phases[outbound->phase].requests--;
    TAILQ_REMOVE(&channel->outbounds, outbound, link);
    channel_route_drop(outbound->route);
    free(outbound);
    channel_is_due(channel);
}

static void on_done(void *arg, int error, const struct http_reply *reply);

/* Nothing leaves without what shows who we are. */
static bool has_token(struct outbound *outbound)
{
    const char *shown, *why = "";
    if (channel_route_token(outbound->route, &shown, &why))
        return true;
    channel_contact_failed(outbound->channel, why, false);
    fail_open(outbound, TROUBLE_NOT_CONNECTED, why, false);
    channel_outbound_free(outbound);
    return false;
}

/* To its replica, or to the next that is not refused at once. */
static void outbound_send(struct outbound *outbound)
{
    struct route *route = outbound->route;
    if (!has_token(outbound))
        return;
    while (outbound->tried < route->replica_count) {
        struct replica *replica = &route->replicas[outbound->replica];
        int result = binding_of(outbound)->call(outbound, replica->peers[outbound->phase], on_done);
        if (result == 0)
            return;
        if (result != TROTH_ERROR_UNAVAILABLE) {
            fail_open(outbound, TROUBLE_NOT_CONNECTED, "out of memory", false);
            channel_outbound_free(outbound);
            return;
        }
        replica_pass(outbound);
    }
    fail_unreachable(outbound);
}

/* Items off the queue, as many as one request takes; but not those that this replica lacks. Whose
 * time in line is over does not leave any more, also where no sweep has looked since. */
static void fill(struct outbound *outbound)
{
    struct channel *channel = outbound->channel;
    struct phase *phase = &channel->phases[outbound->phase];
    uint32_t commands_max = binding_of(outbound)->commands_max;
    uint64_t now_us = mono_now().us;
    size_t bytes = 0;
    struct item *next = NULL;
    for (uint32_t count = 0; count < commands_max && phase->queued > 0; count++) {
        struct item *item = count == 0 ? TAILQ_FIRST(&phase->queue) : next;
        if (item == NULL || channel_route_is_among(item->lacking, outbound->replica))
            break;
        next = TAILQ_NEXT(item, link);
        if (item->until_us <= now_us) {
            channel_item_late(channel, item);
            continue;
        }
        bytes += item->command.input.len;
        if (count > 0 && bytes > CHANNEL_BATCH_BYTES_MAX)
            break;
        outbound->lacking |= item->lacking;
        TAILQ_REMOVE(&phase->queue, item, link);
        phase->queued--;
        TAILQ_INSERT_TAIL(&outbound->open, item, link);
        item->outbound = outbound;
        channel->in_flight++;
        CRASH_POINTS("participant.send", message_op_name, OP_COUNT, item->command.op);
        channel_item_leave(channel, item, now_us);
    }
}

static void fail_first(struct channel *channel, enum phase_number phase)
{
    channel_item_fail(channel, TAILQ_FIRST(&channel->phases[phase].queue), TROUBLE_NOT_CONNECTED,
                      "out of memory", false);
}

void channel_outbound_start(struct channel *channel, enum phase_number phase)
{
    struct outbound *outbound = calloc(1, sizeof(*outbound));
    assert(channel->phases[phase].queued > 0);
    if (outbound == NULL) {
        fail_first(channel, phase);
        return;
    }
    outbound->channel = channel;
    outbound->phase = phase;
    outbound->route = channel->route;
    outbound->route->refs++;
    outbound->replica =
        channel_route_choose(outbound->route, TAILQ_FIRST(&channel->phases[phase].queue)->lacking);
    TAILQ_INIT(&outbound->open);
    TAILQ_INSERT_TAIL(&channel->outbounds, outbound, link);
    channel->phases[phase].requests++;
    fill(outbound);
    if (TAILQ_EMPTY(&outbound->open)) /* all of them were late */
        channel_outbound_free(outbound);
    else
        outbound_send(outbound);
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
static void fail_over(struct outbound *outbound)
{
    struct channel *channel = outbound->channel;
    replica_pass(outbound);
    if (TAILQ_EMPTY(&outbound->open)) { /* all have run out of time meanwhile */
        channel->reachable = false;
        channel_outbound_free(outbound);
        return;
    }
    outbound_send(outbound);
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct outbound *outbound = arg;
    struct channel *channel = outbound->channel;
    if (error == TROTH_ERROR_UNAVAILABLE) {
        fail_over(outbound);
        return;
    }
    if (error == 0) {
        channel_contact_answered(channel, reply);
        channel_outbound_read_slots(outbound, reply);
        binding_of(outbound)->answered(outbound, reply);
        fail_open(outbound, TROUBLE_NOT_UNDERSTOOD,
                  "the participant's answer has no result for this command", true);
    } else {
        channel_contact_failed(channel, reply->why, true);
        fail_open(outbound, trouble_of(error), reply->why, true);
    }
    channel_outbound_free(outbound);
}
