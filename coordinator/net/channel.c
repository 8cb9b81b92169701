/* channel.c: creating, queueing, flushing; and every command's one result. */
#include "inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include <base/now.h>

#include "contact.h"
#include "item.h"
#include "outbound.h"
#include "route.h"

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    channel_deliver_failed(arg);
}

static void sweep_items(struct channel *channel, struct items *items, uint64_t now_us,
                        uint64_t *next_us)
{
    struct item *item = TAILQ_FIRST(items);
    while (item != NULL) {
        struct item *next = TAILQ_NEXT(item, link);
        struct phase *phase = &channel->phases[channel_phase_of(item->command.op)];
        if (item->until_us > now_us) {
            *next_us = item->until_us < *next_us ? item->until_us : *next_us;
            phase->longest_us =
                item->timeout_us > phase->longest_us ? item->timeout_us : phase->longest_us;
        } else {
            channel_item_late(channel, item);
        }
        item = next;
    }
}

/* Times begin all the time and few come to their end: all are looked at when the earliest has. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;
    uint64_t now_us = mono_now().us;
    uint64_t next_us = UINT64_MAX;
    struct outbound *outbound;
    (void)fd;
    (void)what;
    channel->sweep_at_us = 0;
    for (int i = 0; i < PHASE_COUNT; i++)
        channel->phases[i].longest_us = 0;
    for (int i = 0; i < PHASE_COUNT; i++)
        sweep_items(channel, &channel->phases[i].queue, now_us, &next_us);
    TAILQ_FOREACH(outbound, &channel->outbounds, link)
    {
        sweep_items(channel, &outbound->open, now_us, &next_us);
    }
    if (next_us != UINT64_MAX)
        channel_sweep_by(channel, next_us);
}

static uint32_t slots_of(const struct channel_config *config)
{
    uint32_t slots = config->slots > 0 ? config->slots : CHANNEL_SLOTS_DEFAULT;
    return slots < CHANNEL_SLOTS_MAX ? slots : CHANNEL_SLOTS_MAX;
}

static int create_parts(struct channel *channel)
{
    struct event_base *base = http_loop_base(channel->loop);
    channel->deliver = event_new(base, -1, EV_TIMEOUT, on_deliver, channel);
    channel->sweep = event_new(base, -1, EV_TIMEOUT, on_sweep, channel);
    channel->probe_again = event_new(base, -1, EV_TIMEOUT, channel_on_probe_again, channel);
    if (channel->deliver == NULL || channel->sweep == NULL || channel->probe_again == NULL)
        return TROTH_ERROR_NO_MEMORY;
    return channel_route_create(channel->loop, &channel->config, &channel->route);
}

int channel_create(struct http_loop *loop, const struct channel_config *config,
                   struct channel **ret_channel)
{
    assert(config->phase2_connections > 0 && config->connect_timeout_us > 0);
    assert(config->result != NULL);
    assert(strlen(config->name) <= TROTH_NAME_LEN_MAX);
    assert(troth_journal_id_valid(config->journal, strlen(config->journal)));
    struct channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return TROTH_ERROR_NO_MEMORY;
    channel->config = *config;
    memcpy(channel->name, config->name, strlen(config->name));
    memcpy(channel->journal, config->journal, TROTH_JOURNAL_ID_LEN);
    channel->loop = loop;
    channel->slots = channel->places = slots_of(config);
    channel->nodes = 1;
    channel_take_part(channel);
    channel->reachable = true; /* until we know better */
    for (int i = 0; i < PHASE_COUNT; i++)
        TAILQ_INIT(&channel->phases[i].queue);
    TAILQ_INIT(&channel->outbounds);
    TAILQ_INIT(&channel->failed);
    int result = create_parts(channel);
    if (result != 0) {
        channel_destroy(channel);
        return result;
    }
    channel->config.name = channel->name;
    channel->config.journal = channel->journal;
    memset(channel->config.urls, 0, sizeof(channel->config.urls)); /* borrowed for this call only */
    *ret_channel = channel;
    return 0;
}

void channel_destroy(struct channel *channel)
{
    if (channel == NULL)
        return;
    struct outbound *outbound;
    while ((outbound = TAILQ_FIRST(&channel->outbounds)) != NULL) {
        http_call_cancel(outbound->call);
        channel_items_free(channel, &outbound->open);
        channel_outbound_free(outbound);
    }
    if (channel->is_due)
        TAILQ_REMOVE(channel->config.due, channel, due_link);
    channel_probe_end(channel);
    channel_route_drop(channel->route);
    for (int i = 0; i < PHASE_COUNT; i++)
        channel_items_free(channel, &channel->phases[i].queue);
    channel_items_free(channel, &channel->failed);
    if (channel->deliver != NULL)
        event_free(channel->deliver);
    if (channel->sweep != NULL)
        event_free(channel->sweep);
    if (channel->probe_again != NULL)
        event_free(channel->probe_again);
    buffer_finish(&channel->body);
    buffer_finish(&channel->headers);
    buffer_finish(&channel->scratch);
    buffer_finish(&channel->reason);
    free(channel);
}

static void forget_lacking(struct channel *channel)
{
    struct item *item;
    for (int i = 0; i < PHASE_COUNT; i++) {
        TAILQ_FOREACH(item, &channel->phases[i].queue, link)
        {
            item->lacking = 0;
        }
    }
}

void channel_replace(struct channel *channel, struct channel *taken)
{
    struct route *before = channel->route;
    assert(taken != channel && strcmp(taken->name, channel->name) == 0);
    assert(taken->phases[PHASE_1].queued + taken->phases[PHASE_2].queued + taken->in_flight == 0);
    channel_contact_forget(channel);
    forget_lacking(channel);
    channel->route = taken->route;
    taken->route = NULL;
    channel->slots = taken->slots;
    channel->places = taken->places;
    channel_take_part(channel);
    breaker_heard(&channel->pool); /* until we know better */
    channel->config.slots = taken->config.slots;
    channel->announced = false;
    channel_route_drop(before);
    channel_destroy(taken);
    channel_is_due(channel);
}

/* Of a command's line beside operation and input. */
#define LINE_FRAME_MAX 512u

int channel_send(struct channel *channel, const struct command *command, struct mono deadline)
{
    struct phase *phase = &channel->phases[channel_phase_of(command->op)];
    assert(command->branch >= 1 && command->branch <= TROTH_BRANCH_NUMBER_MAX);
    assert(command->attempt >= 1 && command->attempt <= TROTH_ATTEMPT_MAX);
    assert(troth_name_valid(command->operation.data, command->operation.len));
    assert(command->traceparent.len == 0 || command->traceparent.len == MESSAGE_TRACEPARENT_LEN);
    if (command->input.len > MESSAGE_LINE_MAX - LINE_FRAME_MAX)
        return TROTH_ERROR_TOO_LARGE;
    if (phase->queued >= CHANNEL_QUEUE_MAX)
        return TROTH_ERROR_FULL;
    struct item *item = channel_item_create(command, deadline);
    if (item == NULL)
        return TROTH_ERROR_NO_MEMORY;
    if (channel->config.bytes != NULL)
        *channel->config.bytes += channel_item_bytes(command);
    channel_item_queue(channel, item);
    channel_is_due(channel);
    return 0;
}

void channel_forget(struct channel *channel, bool (*gone)(void *arg, const troth_gtid *gtid),
                    void *arg)
{
    for (int i = 0; i < PHASE_COUNT; i++) {
        struct phase *phase = &channel->phases[i];
        struct items dropped = TAILQ_HEAD_INITIALIZER(dropped);
        struct item *item = TAILQ_FIRST(&phase->queue);
        while (item != NULL) {
            struct item *next = TAILQ_NEXT(item, link);
            if (gone(arg, &item->command.gtid)) {
                TAILQ_REMOVE(&phase->queue, item, link);
                TAILQ_INSERT_TAIL(&dropped, item, link);
                phase->queued--;
            }
            item = next;
        }
        channel_items_free(channel, &dropped);
    }
}

static void flush_lane(struct channel *channel, enum phase_number number)
{
    const uint32_t requests_max =
        number == PHASE_1 ? channel->pool.slots : channel->config.phase2_connections;
    struct phase *phase = &channel->phases[number];
    while (phase->queued > 0 && phase->requests < requests_max)
        channel_outbound_start(channel, number);
}

void channel_flush(struct channel *channel)
{
    if (channel->is_due) {
        channel->is_due = false;
        TAILQ_REMOVE(channel->config.due, channel, due_link);
    }
    flush_lane(channel, PHASE_2); /* first: it frees what phase 1 waits for */
    flush_lane(channel, PHASE_1);
}

void channel_list_flush(struct channel_list *due)
{
    struct channel *channel;
    while ((channel = TAILQ_FIRST(due)) != NULL)
        channel_flush(channel);
}

void channel_list_flush_phase2(struct channel_list *due)
{
    struct channel *channel;
    TAILQ_FOREACH(channel, due, due_link)
    { /* starting a request takes none off the list */
        flush_lane(channel, PHASE_2);
    }
}

struct slots_pool *channel_pool(struct channel *channel)
{
    return &channel->pool;
}

void channel_stats(const struct channel *channel, struct channel_stats *ret_stats)
{
    *ret_stats = (struct channel_stats){
        .slots = channel->pool.slots,
        .slots_of_all = channel->slots,
        .slots_used = channel->pool.used,
        .places = channel->pool.places,
        .places_used = channel->pool.held,
        .breaker = channel->pool.breaker,
        .queued = channel->phases[PHASE_1].queued + channel->phases[PHASE_2].queued,
        .in_flight = channel->in_flight,
        .reachable = channel->reachable,
        .tried = channel->contact.tried,
        .announced = channel->announced,
        .answered_at = channel->contact.answered_at,
        .answered_status = channel->contact.answered_status,
        .answered_words = channel->contact.answered_words,
        .failed_at = channel->contact.failed_at,
        .failed_words = channel->contact.failed_words,
        .results = channel->contact.results,
        .unsent = channel->contact.unsent,
    };
}

bool channel_has_token(struct channel *channel, const char **ret_why)
{
    const char *shown;
    return channel_route_token(channel->route, &shown, ret_why);
}

const char *channel_refusal(const struct channel *channel)
{
    const char *why = NULL;
    for (uint32_t i = 0; i < channel->route->replica_count && why == NULL; i++)
        why = http_peer_refusal(channel->route->replicas[i].peers[PHASE_1]);
    return why;
}
