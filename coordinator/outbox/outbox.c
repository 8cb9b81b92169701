/* outbox.c: which row is sent when, and what its delivery means. */
#include <assert.h>
#include <event2/event.h>
#include <outbox/fault.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <base/now.h>

#include "outbox_private.h"

/* The net below lost wake-ups, and when rows that met with passing trouble go again. */
#define TICK_US 500000
/* Rows are on their way and none has arrived for so long: Kafka is not there, whatever its
 * connections say. */
#define SILENT_US UINT64_C(5000000)

/* --- deliveries ------------------------------------------------------------------------------- */

static void tell_state(struct outbox *outbox, bool reachable, const char *why)
{
    (void)snprintf(outbox->why, sizeof outbox->why, "%s", why);
    if (outbox->told && outbox->stats.reachable == reachable)
        return;
    outbox->told = true;
    outbox->stats.reachable = reachable;
    if (outbox->config.state != NULL)
        outbox->config.state(outbox->config.arg, reachable, why);
}

static bool is_silent(const struct outbox *outbox)
{
    return outbox->lanes.count[KEY_LANE_SENT] > 0 && mono_now().us - outbox->heard_us >= SILENT_US;
}

static void on_reachable(void *arg, bool reachable, const char *why)
{
    struct outbox *outbox = arg;
    if (!reachable || !is_silent(outbox))
        tell_state(outbox, reachable, why);
}

static void look_whether_silent(struct outbox *outbox)
{
    char why[96];
    if (outbox->stats.reachable && is_silent(outbox)) {
        (void)snprintf(why, sizeof why, "connected, and no event was confirmed for %.0f s",
                       (double)(mono_now().us - outbox->heard_us) / 1e6);
        tell_state(outbox, false, why);
    }
}

/* What is counted of a row in memory, before it is freed. */
static void forget(struct outbox *outbox, struct row *row)
{
    assert(outbox->stats.waiting > 0 && outbox->bytes >= row->bytes);
    TAILQ_REMOVE(&outbox->by_age, row, age);
    ids_remove(&outbox->ids, row);
    outbox->stats.waiting--;
    outbox->bytes -= row->bytes;
}

void outbox_evict(struct outbox *outbox, struct key_lane *lane)
{
    struct row *row;
    assert(lane->state == KEY_LANE_SET_ASIDE); /* else librdkafka may have its first row */
    while ((row = TAILQ_FIRST(&lane->rows)) != NULL) {
        TAILQ_REMOVE(&lane->rows, row, link);
        forget(outbox, row);
        free(row);
        outbox->in_table++;
    }
}

void outbox_drop(struct outbox *outbox, struct row *row)
{
    struct key_lane *lane = row->lane;
    bool first = TAILQ_FIRST(&lane->rows) == row;
    assert(!first || lane->state != KEY_LANE_SENT);
    TAILQ_REMOVE(&lane->rows, row, link);
    forget(outbox, row);
    free(row);
    if (first)
        lane->alone = false;
    if (TAILQ_EMPTY(&lane->rows))
        key_lane_destroy(&outbox->lanes, lane);
}

static void row_confirmed(struct outbox *outbox, struct row *row)
{
    troth_gtid gtid = row->gtid;
    uint8_t id[RECORD_OUTBOX_ID_BYTES];
    memcpy(id, row->id, sizeof(id));
    ids_confirmed(&outbox->ids, id);
    forget(outbox, row);
    key_lane_pop(&outbox->lanes, row->lane);
    outbox->stats.confirmed++;
    if (outbox->config.confirmed != NULL)
        outbox->config.confirmed(outbox->config.arg, &gtid, id);
}

/* Its key waits, in the table: what is refused may be many rows, and large ones. */
static void row_set_aside(struct outbox *outbox, struct row *row, const char *why)
{
    struct key_lane *lane = row->lane;
    struct aside *aside = calloc(1, sizeof *aside);
    assert(lane->aside == NULL && TAILQ_FIRST(&lane->rows) == row);
    if (aside == NULL) { /* the next time, then */
        lane->alone = false;
        key_lane_set_state(&outbox->lanes, lane,
                           lane->state == KEY_LANE_SENT ? KEY_LANE_LATER : lane->state);
        return;
    }
    aside->gtid = row->gtid;
    memcpy(aside->id, row->id, sizeof aside->id);
    aside->made_at_us = row->made_at_us;
    aside->at = wall_now();
    aside->bytes = row->payload_len;
    (void)snprintf(aside->why, sizeof aside->why, "%s", why);
    lane->alone = false;
    lane->aside = aside;
    key_lane_set_state(&outbox->lanes, lane, KEY_LANE_SET_ASIDE);
    outbox_evict(outbox, lane);
    if (outbox->config.set_aside != NULL)
        outbox->config.set_aside(outbox->config.arg, &aside->gtid, aside->id, aside->why);
}

/* Kafka refuses whole batches, for one row in it. So a refused row goes once more without company:
 * what is refused then is refused for what it is. */
static void row_refused(struct outbox *outbox, struct row *row, const char *why)
{
    if (row->lane->alone)
        row_set_aside(outbox, row, why);
    else
        key_lane_set_state(&outbox->lanes, row->lane, KEY_LANE_ALONE);
}

static void on_delivered(void *arg, struct row *row, enum delivery delivery, const char *why)
{
    struct outbox *outbox = arg;
    struct key_lane *lane = row->lane;
    assert(lane->state == KEY_LANE_SENT && TAILQ_FIRST(&lane->rows) == row);
    outbox->heard_us = mono_now().us;
    switch (delivery) {
    case DELIVERY_CONFIRMED:
        tell_state(outbox, true, "");
        row_confirmed(outbox, row);
        break;
    case DELIVERY_REFUSED:
        row_refused(outbox, row, why);
        break;
    case DELIVERY_AGAIN:
        lane->alone = false;
        key_lane_set_state(&outbox->lanes, lane, KEY_LANE_LATER);
        break;
    case DELIVERY_RETURNED:
        lane->alone = false;
        key_lane_set_state(&outbox->lanes, lane, KEY_LANE_READY);
        break;
    }
    event_active(outbox->go, EV_TIMEOUT, 0);
}

static struct producer_callbacks producer_calls(struct outbox *outbox)
{
    return (struct producer_callbacks){
        .delivered = on_delivered, .reachable = on_reachable, .arg = outbox};
}

/* --- sending ---------------------------------------------------------------------------------- */

/* false: no room now. */
static bool key_lane_send(struct outbox *outbox, struct key_lane *lane, bool alone)
{
    struct row *row = TAILQ_FIRST(&lane->rows);
    const char *why = "";
    assert(row != NULL && lane->state == (alone ? KEY_LANE_ALONE : KEY_LANE_READY));
    switch (producer_send(outbox->producer, row, &why)) {
    case 0:
        if (outbox->lanes.count[KEY_LANE_SENT] == 0)
            outbox->heard_us = mono_now().us;
        lane->alone = alone;
        key_lane_set_state(&outbox->lanes, lane, KEY_LANE_SENT);
        return true;
    case TROTH_ERROR_REFUSED:
        row_set_aside(outbox, row, why);
        return true;
    default:
        return false;
    }
}

static void send_what_may_go(struct outbox *outbox)
{
    struct lanes *lanes = &outbox->lanes;
    struct key_lane *lane;
    while ((lane = TAILQ_FIRST(&lanes->in[KEY_LANE_ALONE])) != NULL)
        if (lanes->count[KEY_LANE_SENT] > 0 || !key_lane_send(outbox, lane, true))
            return;
    while (lanes->count[KEY_LANE_SENT] < OUTBOX_WINDOW_MAX &&
           (lane = TAILQ_FIRST(&lanes->in[KEY_LANE_READY])) != NULL)
        if (!key_lane_send(outbox, lane, false))
            return;
}

/* librdkafka's fatal errors end a producer, not the work: all that it did not confirm goes again,
 * through a new one. A row may so come twice, under one id. Without a new one: again at the tick.
 */
static void replace_dead_producer(struct outbox *outbox)
{
    const struct producer_callbacks callbacks = producer_calls(outbox);
    producer_destroy(outbox->producer);
    outbox->producer = NULL;
    if (producer_create(outbox->base, &outbox->config, &callbacks, NULL, &outbox->producer) != 0) {
        outbox->producer = NULL;
        tell_state(outbox, false, "a new Kafka producer could not be made");
    }
}

bool has_brokers(const struct outbox *outbox)
{
    return outbox->config.brokers != NULL && outbox->config.brokers[0] != '\0';
}

static void on_go(evutil_socket_t fd, short what, void *arg)
{
    struct outbox *outbox = arg;
    (void)fd, (void)what;
    bool held = outbox->config.may_send != NULL && !outbox->config.may_send(outbox->config.arg);
    if (!has_brokers(outbox) || held)
        return; /* held: looked at again at the tick */
    if (outbox->producer == NULL || producer_dead(outbox->producer))
        replace_dead_producer(outbox);
    if (outbox->producer != NULL)
        send_what_may_go(outbox);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct outbox *outbox = arg;
    struct key_lane *lane;
    if (outbox->producer != NULL) {
        producer_serve(outbox->producer, 0);
        look_whether_silent(outbox);
    }
    while ((lane = TAILQ_FIRST(&outbox->lanes.in[KEY_LANE_LATER])) != NULL)
        key_lane_set_state(&outbox->lanes, lane, KEY_LANE_READY);
    on_go(fd, what, outbox);
}

/* --- life ------------------------------------------------------------------------------------- */

static int copy_text(const char *text, const char **ret_copy)
{
    *ret_copy = strdup(text != NULL ? text : "");
    return *ret_copy != NULL ? 0 : TROTH_ERROR_NO_MEMORY;
}

static void free_config(struct outbox_config *config)
{
    free((char *)(uintptr_t)config->brokers);
    free((char *)(uintptr_t)config->source);
    free((char *)(uintptr_t)config->topic_default);
    for (size_t i = 0; config->properties != NULL && config->properties[i] != NULL; i++)
        free((char *)(uintptr_t)config->properties[i]);
    free((void *)(uintptr_t)config->properties);
}

static int copy_properties(const char *const *properties, const char *const **ret_copy)
{
    size_t count = 0;
    while (properties != NULL && properties[count] != NULL)
        count++;
    const char **copy = calloc(count + 1, sizeof(*copy));
    int error = copy != NULL ? 0 : TROTH_ERROR_NO_MEMORY;
    for (size_t i = 0; error == 0 && i < count; i++)
        error = copy_text(properties[i], &copy[i]);
    *ret_copy = copy; /* also a part of it: free_config takes that */
    return error;
}

static int copy_config(const struct outbox_config *from, struct outbox_config *to)
{
    *to = *from;
    to->brokers = to->source = to->topic_default = NULL;
    to->properties = NULL;
    int error = copy_text(from->brokers, &to->brokers);
    error = error != 0 ? error : copy_text(from->source, &to->source);
    error = error != 0 ? error : copy_text(from->topic_default, &to->topic_default);
    return error != 0 ? error : copy_properties(from->properties, &to->properties);
}

static int make_events(struct outbox *outbox)
{
    static const struct timeval tick = {.tv_usec = TICK_US};
    outbox->go = event_new(outbox->base, -1, 0, on_go, outbox);
    outbox->tick = event_new(outbox->base, -1, EV_PERSIST, on_tick, outbox);
    if (outbox->go == NULL || outbox->tick == NULL || event_add(outbox->tick, &tick) != 0)
        return TROTH_ERROR_NO_MEMORY;
    return 0;
}

int outbox_create(struct event_base *base, const struct outbox_config *config, struct buffer *why,
                  struct outbox **ret_outbox)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    assert(base != NULL);
    if (outbox == NULL)
        return TROTH_ERROR_NO_MEMORY;
    outbox->base = base;
    const struct producer_callbacks callbacks = producer_calls(outbox);
    TAILQ_INIT(&outbox->by_age);
    TAILQ_INIT(&outbox->pending);
    int error = lanes_init(&outbox->lanes);
    error = error != 0 ? error : ids_init(&outbox->ids);
    outbox->behind = true; /* what the table holds from before */
    error = error != 0 ? error : copy_config(config, &outbox->config);
    error = error != 0 ? error : make_events(outbox);
    if (error == 0 && has_brokers(outbox))
        error = producer_create(base, &outbox->config, &callbacks, why, &outbox->producer);
    if (error != 0) {
        outbox_destroy(outbox, 0);
        return error;
    }
    *ret_outbox = outbox;
    return 0;
}

static void flush(struct outbox *outbox, uint64_t flush_us)
{
    const struct lanes *lanes = &outbox->lanes;
    uint64_t end = mono_now().us + flush_us;
    while (outbox->producer != NULL && mono_now().us < end) {
        send_what_may_go(outbox);
        if (lanes->count[KEY_LANE_SENT] == 0 || producer_dead(outbox->producer))
            return;
        producer_serve(outbox->producer, 10);
    }
}

void outbox_destroy(struct outbox *outbox, uint64_t flush_us)
{
    if (outbox == NULL)
        return;
    flush(outbox, flush_us);
    producer_destroy(outbox->producer);
    if (outbox->go != NULL)
        event_free(outbox->go);
    if (outbox->tick != NULL)
        event_free(outbox->tick);
    outbox_drop_pending(outbox);
    lanes_finish(&outbox->lanes);
    ids_finish(&outbox->ids);
    free_config(&outbox->config);
    free(outbox);
}

/* --- what the host calls ---------------------------------------------------------------------- */

int outbox_row_make(const struct outbox *outbox, const struct outbox_facts *facts, uint64_t seq,
                    struct buffer *texts, struct record_outbox_row *ret_row)
{
    return row_make(outbox->config.source, outbox->config.topic_default,
                    outbox->config.event_bytes_max, facts, seq, texts, ret_row);
}

static char *put(char **to, struct troth_span span)
{
    char *at = *to;
    if (span.len > 0)
        memcpy(at, span.data, span.len);
    *to += span.len;
    return at;
}

/* What a restart found in the table is as old as the event says. */
static uint64_t made_at(struct troth_span text)
{
    struct troth_span headers, time;
    struct wall at = {0};
    if (json_check(text, JSON_CHECK_DEFAULT, &headers, NULL) != 0 ||
        json_type(headers) != JSON_OBJECT || !json_member(headers, "ce_time", &time) ||
        time.len < 2 || wall_parse(time.data + 1, time.len - 2, &at) != 0)
        return 0;
    return at.us;
}

/* One allocation: the struct, then its texts. */
struct row *row_copy(const struct record_outbox_row *from)
{
    size_t texts = from->topic.len + 1 + from->key.len + from->headers.len + from->payload.len;
    struct row *row = calloc(1, sizeof(*row) + texts);
    if (row == NULL)
        return NULL;
    row->bytes = sizeof(*row) + texts;
    char *to = (char *)(row + 1);
    row->gtid = from->gtid;
    memcpy(row->id, from->id, sizeof(row->id));
    row->topic = put(&to, from->topic);
    to++; /* the topic's zero, from calloc */
    row->key = (struct troth_span){put(&to, from->key), from->key.len};
    row->headers = (struct troth_span){put(&to, from->headers), from->headers.len};
    row->payload = put(&to, from->payload);
    row->payload_len = from->payload.len;
    row->made_at_us = made_at(row->headers);
    return row;
}

int outbox_admit(struct outbox *outbox, struct row *row)
{
    int error = lanes_add(&outbox->lanes, row);
    if (error != 0)
        return error;
    TAILQ_INSERT_TAIL(&outbox->by_age, row, age);
    ids_add(&outbox->ids, row);
    outbox->stats.waiting++;
    outbox->bytes += row->bytes;
    event_active(outbox->go, EV_TIMEOUT, 0);
    return 0;
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *ret_stats)
{
    *ret_stats = outbox->stats;
    ret_stats->set_aside = outbox->lanes.count[KEY_LANE_SET_ASIDE];
    ret_stats->waiting += outbox->in_table;
    ret_stats->bytes = outbox->bytes;
    ret_stats->why = outbox->why;
    const struct row *oldest = TAILQ_FIRST(&outbox->by_age);
    ret_stats->oldest.us = oldest != NULL ? oldest->made_at_us : 0;
    const struct key_lane *lane = NULL;
    TAILQ_FOREACH(lane, &outbox->lanes.in[KEY_LANE_SET_ASIDE], link)
    {
        uint64_t made_at_us = lane->aside->made_at_us;
        if (made_at_us != 0 && (ret_stats->oldest.us == 0 || made_at_us < ret_stats->oldest.us))
            ret_stats->oldest.us = made_at_us;
    }
}

void outbox_fault_fatal(struct outbox *outbox)
{
    if (outbox->producer != NULL) {
        producer_kill(outbox->producer);
        event_active(outbox->go, EV_TIMEOUT, 0);
    }
}
