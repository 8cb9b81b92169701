/* key_lane.c: the rows of one topic and key, in order. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "outbox_private.h"

#define BUCKETS_MIN 1024u

static const bool allowed[KEY_LANE_STATE_COUNT][KEY_LANE_STATE_COUNT] = {
    [KEY_LANE_READY] = {[KEY_LANE_SENT] = true, [KEY_LANE_SET_ASIDE] = true},
    [KEY_LANE_ALONE] = {[KEY_LANE_SENT] = true, [KEY_LANE_SET_ASIDE] = true},
    [KEY_LANE_SENT] = {[KEY_LANE_READY] = true,
                       [KEY_LANE_ALONE] = true,
                       [KEY_LANE_LATER] = true,
                       [KEY_LANE_SET_ASIDE] = true},
    [KEY_LANE_LATER] = {[KEY_LANE_READY] = true},
};

int lanes_init(struct lanes *lanes)
{
    memset(lanes, 0, sizeof(*lanes));
    for (int state = 0; state < KEY_LANE_STATE_COUNT; state++)
        TAILQ_INIT(&lanes->in[state]);
    lanes->buckets = calloc(BUCKETS_MIN, sizeof(struct key_lane *));
    if (lanes->buckets == NULL)
        return TROTH_ERROR_NO_MEMORY;
    lanes->buckets_count = BUCKETS_MIN;
    return 0;
}

void lanes_finish(struct lanes *lanes)
{
    for (int state = 0; state < KEY_LANE_STATE_COUNT; state++) {
        struct key_lane *lane;
        while ((lane = TAILQ_FIRST(&lanes->in[state])) != NULL) {
            struct row *row;
            while ((row = TAILQ_FIRST(&lane->rows)) != NULL) {
                TAILQ_REMOVE(&lane->rows, row, link);
                free(row);
            }
            TAILQ_REMOVE(&lanes->in[state], lane, link);
            free(lane->aside);
            free(lane);
        }
    }
    free(lanes->buckets);
    lanes->buckets = NULL;
}

/* FNV-1a over topic, a zero, and key. */
static uint64_t hash_of(struct troth_span topic, struct troth_span key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < topic.len; i++)
        hash = (hash ^ (uint8_t)topic.data[i]) * UINT64_C(1099511628211);
    hash *= UINT64_C(1099511628211);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.data[i]) * UINT64_C(1099511628211);
    return hash;
}

static bool is_of(const struct key_lane *lane, struct troth_span topic, struct troth_span key)
{
    return lane->key_len == key.len && strlen(lane->texts) == topic.len &&
           memcmp(lane->texts, topic.data, topic.len) == 0 &&
           (key.len == 0 || memcmp(lane->texts + topic.len + 1, key.data, key.len) == 0);
}

static struct key_lane **bucket_of(const struct lanes *lanes, uint64_t hash)
{
    return &lanes->buckets[hash & (lanes->buckets_count - 1)];
}

/* Twice the buckets; without memory for them the chains just get longer. */
static void grow(struct lanes *lanes)
{
    struct key_lane **bigger = calloc(lanes->buckets_count * 2, sizeof(struct key_lane *));
    if (bigger == NULL)
        return;
    struct key_lane **old = lanes->buckets;
    size_t old_count = lanes->buckets_count;
    lanes->buckets = bigger;
    lanes->buckets_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct key_lane *lane = old[i];
            old[i] = lane->next;
            struct key_lane **bucket = bucket_of(lanes, lane->hash);
            lane->next = *bucket;
            *bucket = lane;
        }
    }
    free(old);
}

static struct key_lane *key_lane_create(struct lanes *lanes, uint64_t hash, struct troth_span topic,
                                        struct troth_span key)
{
    struct key_lane *lane = calloc(1, sizeof(*lane) + topic.len + 1 + key.len);
    if (lane == NULL)
        return NULL;
    memcpy(lane->texts, topic.data, topic.len);
    if (key.len > 0)
        memcpy(lane->texts + topic.len + 1, key.data, key.len);
    lane->key_len = key.len;
    if (lanes->total >= lanes->buckets_count)
        grow(lanes);
    lane->hash = hash;
    lane->state = KEY_LANE_READY;
    TAILQ_INIT(&lane->rows);
    struct key_lane **bucket = bucket_of(lanes, hash);
    lane->next = *bucket;
    *bucket = lane;
    TAILQ_INSERT_TAIL(&lanes->in[KEY_LANE_READY], lane, link);
    lanes->count[KEY_LANE_READY]++;
    lanes->total++;
    return lane;
}

static struct key_lane *find(const struct lanes *lanes, uint64_t hash, struct troth_span topic,
                             struct troth_span key)
{
    struct key_lane *lane = *bucket_of(lanes, hash);
    while (lane != NULL && (lane->hash != hash || !is_of(lane, topic, key)))
        lane = lane->next;
    return lane;
}

struct key_lane *lanes_find(const struct lanes *lanes, struct troth_span topic,
                            struct troth_span key)
{
    return find(lanes, hash_of(topic, key), topic, key);
}

int lanes_add(struct lanes *lanes, struct row *row)
{
    struct troth_span topic = {row->topic, strlen(row->topic)};
    uint64_t hash = hash_of(topic, row->key);
    assert(row->lane == NULL);
    struct key_lane *lane = find(lanes, hash, topic, row->key);
    if (lane == NULL) {
        lane = key_lane_create(lanes, hash, topic, row->key);
        if (lane == NULL)
            return TROTH_ERROR_NO_MEMORY;
    }
    row->lane = lane;
    TAILQ_INSERT_TAIL(&lane->rows, row, link);
    return 0;
}

static void move(struct lanes *lanes, struct key_lane *lane, enum key_lane_state state)
{
    assert(lanes->count[lane->state] > 0);
    TAILQ_REMOVE(&lanes->in[lane->state], lane, link);
    lanes->count[lane->state]--;
    lane->state = state;
    TAILQ_INSERT_TAIL(&lanes->in[state], lane, link);
    lanes->count[state]++;
}

void key_lane_set_state(struct lanes *lanes, struct key_lane *lane, enum key_lane_state state)
{
    assert(allowed[lane->state][state]);
    assert(!TAILQ_EMPTY(&lane->rows));
    move(lanes, lane, state);
}

void key_lane_destroy(struct lanes *lanes, struct key_lane *lane)
{
    assert(TAILQ_EMPTY(&lane->rows));
    struct key_lane **at = bucket_of(lanes, lane->hash);
    while (*at != lane) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = lane->next;
    TAILQ_REMOVE(&lanes->in[lane->state], lane, link);
    lanes->count[lane->state]--;
    lanes->total--;
    free(lane->aside);
    free(lane);
}

void key_lane_pop(struct lanes *lanes, struct key_lane *lane)
{
    struct row *row = TAILQ_FIRST(&lane->rows);
    assert(row != NULL);
    TAILQ_REMOVE(&lane->rows, row, link);
    free(row);
    lane->alone = false;
    if (TAILQ_EMPTY(&lane->rows))
        key_lane_destroy(lanes, lane);
    else
        key_lane_set_state(lanes, lane, KEY_LANE_READY);
}
