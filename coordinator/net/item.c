/* item.c: one command: queued, in a request, failed; and its one result. */
#include "item.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <base/crash.h>
#include <base/now.h>

#include "contact.h"

enum phase_number channel_phase_of(enum message_op op)
{
    switch (op) {
    case OP_PREPARE:
    case OP_EXECUTE:
        return PHASE_1;
    case OP_COMMIT:
    case OP_ABORT:
    case OP_COMPENSATE:
    case OP_STATUS:
    case OP_COUNT:
        break;
    }
    return PHASE_2;
}

size_t channel_item_bytes(const struct command *command)
{
    return sizeof(struct item) + command->operation.len + command->input.len +
           command->traceparent.len;
}

static struct troth_span keep(char **at, struct troth_span span)
{
    struct troth_span kept = {NULL, 0};
    if (span.data != NULL) {
        memcpy(*at, span.data, span.len);
        kept = (struct troth_span){*at, span.len};
        *at += span.len;
    }
    return kept;
}

struct item *channel_item_create(const struct command *command, struct mono deadline)
{
    struct item *item = malloc(channel_item_bytes(command));
    if (item == NULL)
        return NULL;
    char *at = item->bytes;
    item->outbound = NULL;
    item->timeout_us = command->timeout_us != 0 ? command->timeout_us : CHANNEL_TIMEOUT_DEFAULT_US;
    item->deadline_us = deadline.us != 0 ? deadline.us : UINT64_MAX;
    item->until_us = item->deadline_us;
    item->has_left = false;
    item->has_timeout = command->timeout_us != 0;
    item->was_sent = false;
    item->lacking = 0;
    item->reason = NULL;
    item->reason_copy = NULL;
    item->said = 0;
    item->command = *command;
    item->command.operation = keep(&at, command->operation);
    item->command.input = keep(&at, command->input);
    item->command.traceparent = keep(&at, command->traceparent);
    return item;
}

void channel_sweep_by(struct channel *channel, uint64_t until_us)
{
    if (channel->sweep_at_us != 0 && channel->sweep_at_us <= until_us)
        return;
    uint64_t now_us = mono_now().us;
    struct timeval wait = timeval_of(until_us > now_us ? until_us - now_us : 0);
    channel->sweep_at_us = until_us;
    (void)event_add(channel->sweep, &wait);
}

static void item_ends(struct channel *channel, struct item *item, uint64_t at_us)
{
    item->until_us = at_us < item->deadline_us ? at_us : item->deadline_us;
    channel_sweep_by(channel, item->until_us);
}

void channel_item_queue(struct channel *channel, struct item *item)
{
    struct phase *phase = &channel->phases[channel_phase_of(item->command.op)];
    assert(item->outbound == NULL && !item->has_left);
    if (item->timeout_us > phase->longest_us)
        phase->longest_us = item->timeout_us;
    TAILQ_INSERT_TAIL(&phase->queue, item, link);
    phase->queued++;
    item_ends(channel, item, mono_now().us + CHANNEL_LINE_US(phase->longest_us));
}

void channel_item_leave(struct channel *channel, struct item *item, uint64_t now_us)
{
    if (item->has_left)
        return;
    item->has_left = true;
    item_ends(channel, item, now_us + item->timeout_us);
}

static void free_item(struct channel *channel, struct item *item)
{
    if (channel->config.bytes != NULL) {
        assert(*channel->config.bytes >= channel_item_bytes(&item->command));
        *channel->config.bytes -= channel_item_bytes(&item->command);
    }
    free(item->reason_copy);
    free(item);
}

static void unlink_item(struct channel *channel, struct item *item)
{
    assert(item->reason == NULL); /* else it is among those that have failed */
    if (item->outbound != NULL) {
        assert(channel->in_flight > 0);
        TAILQ_REMOVE(&item->outbound->open, item, link);
        item->outbound = NULL;
        channel->in_flight--;
    } else {
        struct phase *phase = &channel->phases[channel_phase_of(item->command.op)];
        assert(phase->queued > 0);
        TAILQ_REMOVE(&phase->queue, item, link);
        phase->queued--;
    }
}

struct result channel_item_result(const struct item *item, enum message_result kind)
{
    return (struct result){.op = item->command.op,
                           .gtid = item->command.gtid,
                           .branch = item->command.branch,
                           .attempt = item->command.attempt,
                           .result = kind};
}

void channel_item_answer(struct channel *channel, struct item *item, const struct result *result,
                         bool was_sent)
{
    assert(item->outbound != NULL && result->branch == item->command.branch);
    CRASH_POINTS("participant.answer", message_op_name, OP_COUNT, result->op);
    unlink_item(channel, item);
    channel_contact_counted(channel, result->result, was_sent);
    channel->config.result(channel->config.arg, result, was_sent);
    CRASH_POINTS("participant.answered", message_op_name, OP_COUNT, result->op);
    free_item(channel, item);
}

void channel_item_fail(struct channel *channel, struct item *item, enum message_trouble trouble,
                       const char *reason, bool was_sent)
{
    unlink_item(channel, item);
    item->reason_copy = strdup(reason);
    item->reason = item->reason_copy != NULL ? item->reason_copy : message_trouble_name(trouble);
    item->said = (uint16_t)trouble;
    item->was_sent = was_sent;
    TAILQ_INSERT_TAIL(&channel->failed, item, link);
    event_active(channel->deliver, EV_TIMEOUT, 1);
}

void channel_item_late(struct channel *channel, struct item *item)
{
    if (item->outbound != NULL)
        channel_item_fail(channel, item, TROUBLE_TIMEOUT, "no answer in time", true);
    else
        channel_item_fail(channel, item, TROUBLE_TIMEOUT, "no connection was free in time", false);
}

bool channel_item_elsewhere(struct item *item)
{
    struct channel *channel = item->outbound->channel;
    struct phase *phase = &channel->phases[item->outbound->phase];
    const struct route *route = item->outbound->route;
    assert(item->outbound->replica < route->replica_count);
    item->lacking |= UINT32_C(1) << item->outbound->replica;
    if (route != channel->route)
        item->lacking = 0; /* registered anew meanwhile: the new ones may have it */
    else if (item->lacking == (UINT32_C(1) << route->replica_count) - 1)
        return false;
    unlink_item(channel, item);
    TAILQ_INSERT_HEAD(&phase->queue, item, link);
    phase->queued++;
    return true;
}

uint64_t channel_item_left_us(const struct item *item, uint64_t now_us)
{
    return item->until_us > now_us ? item->until_us - now_us : 1;
}

uint64_t channel_item_lock_wait_us(const struct item *item, uint64_t now_us)
{
    uint64_t left_us = channel_item_left_us(item, now_us);
    uint64_t most_us = left_us - left_us / 8;
    return item->command.lock_wait_us < most_us ? item->command.lock_wait_us : most_us;
}

void channel_deliver_failed(struct channel *channel)
{
    struct item *item;
    while ((item = TAILQ_FIRST(&channel->failed)) != NULL) {
        TAILQ_REMOVE(&channel->failed, item, link);
        struct result result = channel_item_result(item, RESULT_UNKNOWN);
        if (RULE_IS_OFF("unknown") && result.op != OP_PREPARE)
            result.result = RESULT_DONE;
        result.reason = (struct troth_span){item->reason, strlen(item->reason)};
        result.said = item->said;
        channel_contact_counted(channel, RESULT_UNKNOWN, item->was_sent);
        CRASH_POINT("participant.silent");
        channel->config.result(channel->config.arg, &result, item->was_sent);
        free_item(channel, item);
    }
}

void channel_items_free(struct channel *channel, struct items *items)
{
    struct item *item;
    while ((item = TAILQ_FIRST(items)) != NULL) {
        TAILQ_REMOVE(items, item, link);
        free_item(channel, item);
    }
}

void channel_is_due(struct channel *channel)
{
    bool waits = channel->phases[PHASE_1].queued + channel->phases[PHASE_2].queued > 0;
    if (waits && !channel->is_due && channel->config.due != NULL) {
        channel->is_due = true;
        TAILQ_INSERT_TAIL(channel->config.due, channel, due_link);
    }
}
