/* table.c: what stands in the table and not in memory.
 *
 * A row is sent from memory straight after its commit while there is room. Once one finds none, all
 * further ones stay in the table, so that no key's order is broken, and the host reads the table
 * from its beginning when half of the room is free again. The reading ends when it reached the end
 * and nothing was left behind meanwhile. A key that was set aside is passed by. */
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "outbox_private.h"

#define BUCKETS_MIN 1024u

/* --- ids: they come from a hash, any eight bytes of them are one ------------------------------ */

static uint64_t hash_of(const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    uint64_t hash;
    memcpy(&hash, id + 8, sizeof hash);
    return hash ^ id[0]; /* a test's ids differ in their first byte */
}

int ids_init(struct ids *ids)
{
    *ids = (struct ids){.buckets_count = BUCKETS_MIN};
    ids->buckets = calloc(BUCKETS_MIN, sizeof(struct row *));
    ids->recent = calloc(RECENT_MAX, sizeof *ids->recent);
    return ids->buckets == NULL || ids->recent == NULL ? TROTH_ERROR_NO_MEMORY : 0;
}

void ids_finish(struct ids *ids)
{
    free(ids->buckets);
    free(ids->recent);
    *ids = (struct ids){0};
}

static struct row **bucket_of(const struct ids *ids, const uint8_t *id)
{
    return &ids->buckets[hash_of(id) & (ids->buckets_count - 1)];
}

/* Without memory the chains just get longer. */
static void grow(struct ids *ids)
{
    struct ids bigger = {.buckets_count = ids->buckets_count * 2};
    bigger.buckets = calloc(bigger.buckets_count, sizeof(struct row *));
    if (bigger.buckets == NULL)
        return;
    for (size_t i = 0; i < ids->buckets_count; i++) {
        while (ids->buckets[i] != NULL) {
            struct row *row = ids->buckets[i];
            ids->buckets[i] = row->id_next;
            struct row **bucket = bucket_of(&bigger, row->id);
            row->id_next = *bucket;
            *bucket = row;
        }
    }
    free(ids->buckets);
    ids->buckets = bigger.buckets;
    ids->buckets_count = bigger.buckets_count;
}

void ids_add(struct ids *ids, struct row *row)
{
    assert(!ids_has(ids, row->id)); /* a row that is known is not taken again */
    if (ids->count >= ids->buckets_count)
        grow(ids);
    struct row **bucket = bucket_of(ids, row->id);
    row->id_next = *bucket;
    *bucket = row;
    ids->count++;
}

void ids_remove(struct ids *ids, struct row *row)
{
    struct row **at = bucket_of(ids, row->id);
    assert(ids->count > 0);
    while (*at != row) {
        assert(*at != NULL);
        at = &(*at)->id_next;
    }
    *at = row->id_next;
    ids->count--;
}

bool ids_has(const struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    const struct row *row = *bucket_of(ids, id);
    while (row != NULL && memcmp(row->id, id, RECORD_OUTBOX_ID_BYTES) != 0)
        row = row->id_next;
    return row != NULL;
}

void ids_confirmed(struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    memcpy(ids->recent[hash_of(id) % RECENT_MAX], id, RECORD_OUTBOX_ID_BYTES);
}

bool ids_was_confirmed(const struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    static const uint8_t nobody[RECORD_OUTBOX_ID_BYTES];
    const uint8_t *recent = ids->recent[hash_of(id) % RECENT_MAX];
    return memcmp(recent, id, RECORD_OUTBOX_ID_BYTES) == 0 &&
           memcmp(recent, nobody, RECORD_OUTBOX_ID_BYTES) != 0;
}

/* --- what the host calls ---------------------------------------------------------------------- */

static uint64_t room(const struct outbox *outbox)
{
    uint64_t max = outbox->config.memory_bytes_max;
    return max < OUTBOX_MEMORY_BYTES_MIN ? OUTBOX_MEMORY_BYTES_MIN : max;
}

static bool is_known(const struct outbox *outbox, const struct record_outbox_row *row)
{
    return ids_has(&outbox->ids, row->id) || ids_was_confirmed(&outbox->ids, row->id);
}

static bool is_aside(const struct outbox *outbox, const struct record_outbox_row *row)
{
    const struct key_lane *lane = lanes_find(&outbox->lanes, row->topic, row->key);
    return lane != NULL && lane->state == KEY_LANE_SET_ASIDE;
}

static int take(struct outbox *outbox, const struct record_outbox_row *row)
{
    struct row *copy = row_copy(row);
    if (copy != NULL && outbox_admit(outbox, copy) == 0)
        return 0;
    free(copy);
    return TROTH_ERROR_NO_MEMORY;
}

/* The reading that is under way may have gone by its place. */
static void wait_for_reading(struct outbox *outbox, const struct record_outbox_row *row)
{
    struct row *copy = outbox->bytes < room(outbox) ? row_copy(row) : NULL;
    outbox->behind = true;
    if (copy == NULL) {
        outbox->missed = true;
        outbox->in_table++;
        return;
    }
    TAILQ_INSERT_TAIL(&outbox->pending, copy, link);
    outbox->bytes += copy->bytes;
    outbox->stats.waiting++;
}

static struct row *take_pending(struct outbox *outbox)
{
    struct row *row = TAILQ_FIRST(&outbox->pending);
    if (row != NULL) {
        assert(outbox->bytes >= row->bytes && outbox->stats.waiting > 0);
        TAILQ_REMOVE(&outbox->pending, row, link);
        outbox->bytes -= row->bytes;
        outbox->stats.waiting--;
    }
    return row;
}

void outbox_drop_pending(struct outbox *outbox)
{
    for (struct row *row; (row = take_pending(outbox)) != NULL; free(row))
        outbox->in_table++;
}

void outbox_send(struct outbox *outbox, const struct record_outbox_row *row)
{
    if (!has_brokers(outbox) || is_aside(outbox, row))
        outbox->in_table++; /* for whoever publishes it, or until an operator has looked */
    else if (is_known(outbox, row))
        return; /* a page of the table had it before */
    else if (outbox->behind || outbox->bytes >= room(outbox) || take(outbox, row) != 0)
        wait_for_reading(outbox, row);
}

bool outbox_wants(const struct outbox *outbox)
{
    return has_brokers(outbox) && outbox->behind && outbox->bytes < room(outbox) / 2;
}

void outbox_load(struct outbox *outbox, const struct record_outbox_row *row)
{
    assert(has_brokers(outbox)); /* who has none leaves the rows to who has */
    if (is_known(outbox, row))
        return;
    if (is_aside(outbox, row))
        outbox->passed_by++;
    else if (take(outbox, row) != 0)
        outbox->missed = true;
    else if (outbox->in_table > 0)
        outbox->in_table--;
}

static void admit_pending(struct outbox *outbox)
{
    for (struct row *row; (row = take_pending(outbox)) != NULL;) {
        const struct record_outbox_row same = {.topic = {row->topic, strlen(row->topic)},
                                               .key = row->key};
        bool aside = is_aside(outbox, &same);
        if (aside || ids_has(&outbox->ids, row->id) || ids_was_confirmed(&outbox->ids, row->id) ||
            outbox_admit(outbox, row) != 0) {
            outbox->passed_by += aside ? 1 : 0;
            free(row);
        }
    }
}

void outbox_loaded(struct outbox *outbox)
{
    if (outbox->missed) {
        outbox_drop_pending(outbox);
    } else {
        admit_pending(outbox);
        outbox->in_table = outbox->passed_by;
        outbox->behind = false;
    }
    outbox->missed = false;
    outbox->passed_by = 0;
}

void outbox_behind(struct outbox *outbox)
{
    outbox->missed = outbox->missed || outbox->behind; /* a reading may have passed them by */
    outbox->behind = true;
}

/* --- what another node publishes -------------------------------------------------------------- */

static bool is_sent(const struct row *row)
{
    return row->lane->state == KEY_LANE_SENT && TAILQ_FIRST(&row->lane->rows) == row;
}

static void forget_pending(struct outbox *outbox, bool (*gone)(void *arg, const troth_gtid *gtid),
                           void *arg)
{
    struct row *row = TAILQ_FIRST(&outbox->pending);
    while (row != NULL) {
        struct row *next = TAILQ_NEXT(row, link);
        if (gone(arg, &row->gtid)) {
            TAILQ_REMOVE(&outbox->pending, row, link);
            outbox->bytes -= row->bytes;
            outbox->stats.waiting--;
            free(row);
        }
        row = next;
    }
}

static void forget_asides(struct outbox *outbox, bool (*gone)(void *arg, const troth_gtid *gtid),
                          void *arg)
{
    struct key_lane *lane = TAILQ_FIRST(&outbox->lanes.in[KEY_LANE_SET_ASIDE]);
    while (lane != NULL) {
        struct key_lane *next = TAILQ_NEXT(lane, link);
        if (gone(arg, &lane->aside->gtid)) {
            key_lane_destroy(&outbox->lanes, lane);
            outbox_behind(outbox); /* its key is no longer passed by */
        }
        lane = next;
    }
}

bool outbox_forget(struct outbox *outbox, bool (*gone)(void *arg, const troth_gtid *gtid),
                   void *arg)
{
    bool all = true;
    struct row *row = TAILQ_FIRST(&outbox->by_age);
    while (row != NULL) {
        struct row *next = TAILQ_NEXT(row, age);
        if (!gone(arg, &row->gtid)) {
            row = next;
            continue;
        }
        if (is_sent(row))
            all = false;
        else
            outbox_drop(outbox, row);
        row = next;
    }
    forget_pending(outbox, gone, arg);
    forget_asides(outbox, gone, arg);
    return all;
}

/* --- what was set aside ----------------------------------------------------------------------- */

static struct key_lane *find_aside(const struct outbox *outbox, const uint8_t *id)
{
    struct key_lane *lane = NULL;
    TAILQ_FOREACH(lane, &outbox->lanes.in[KEY_LANE_SET_ASIDE], link)
    {
        if (memcmp(lane->aside->id, id, RECORD_OUTBOX_ID_BYTES) == 0)
            return lane;
    }
    return NULL;
}

static struct outbox_aside view_of(const struct key_lane *lane)
{
    const struct aside *aside = lane->aside;
    return (struct outbox_aside){.gtid = aside->gtid,
                                 .id = aside->id,
                                 .topic = lane->texts,
                                 .key = {lane->texts + strlen(lane->texts) + 1, lane->key_len},
                                 .why = aside->why,
                                 .bytes = aside->bytes,
                                 .made_at = {aside->made_at_us},
                                 .aside_at = aside->at};
}

void outbox_asides(const struct outbox *outbox,
                   void (*fn)(void *arg, const struct outbox_aside *aside), void *arg)
{
    const struct key_lane *lane = NULL;
    TAILQ_FOREACH(lane, &outbox->lanes.in[KEY_LANE_SET_ASIDE], link)
    {
        struct outbox_aside view = view_of(lane);
        fn(arg, &view);
    }
}

bool outbox_aside(const struct outbox *outbox, const uint8_t id[RECORD_OUTBOX_ID_BYTES],
                  struct outbox_aside *ret_aside)
{
    const struct key_lane *lane = find_aside(outbox, id);
    if (lane != NULL)
        *ret_aside = view_of(lane);
    return lane != NULL;
}

/* The key is no longer passed by: the table is read again for its rows. */
static int let_go(struct outbox *outbox, const uint8_t *id)
{
    struct key_lane *lane = find_aside(outbox, id);
    if (lane == NULL)
        return TROTH_ERROR_NOT_FOUND;
    key_lane_destroy(&outbox->lanes, lane);
    outbox->missed = outbox->missed || outbox->behind; /* a reading may have passed it by */
    outbox->behind = true;
    return 0;
}

int outbox_resend(struct outbox *outbox, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    return let_go(outbox, id);
}

int outbox_discarded(struct outbox *outbox, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    int error = let_go(outbox, id);
    if (error == 0) {
        ids_confirmed(&outbox->ids, id);
        outbox->in_table -= outbox->in_table > 0 ? 1 : 0;
    }
    return error;
}
