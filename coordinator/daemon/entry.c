/* entry.c: open transactions in memory: made, found, timed, freed. */
#include "driver_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>

static uint32_t gtid_bucket(const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    uint64_t mixed = (parts.counter * UINT64_C(0x9E3779B97F4A7C15)) ^
                     ((uint64_t)parts.shard * UINT64_C(0xC2B2AE3D27D4EB4F));
    return (uint32_t)(mixed >> 40) & (DRIVER_BUCKETS - 1);
}

/* FNV-1a: keys come from clients, but a flood of one bucket costs only its sender's requests. */
static uint64_t key_hash(struct troth_span key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash ^ (hash >> 29);
}

uint32_t driver_shard_of_key(const struct driver *driver, struct troth_span key)
{
    return (uint32_t)(key_hash(key) % driver->shards_count);
}

int driver_next_gtid(struct driver *driver, uint32_t shard, struct wall now, troth_gtid *ret_gtid)
{
    struct troth_gtid_parts parts = {.unix_ms = now.us / 1000u,
                                     .shard = (uint16_t)shard,
                                     .epoch = journal_epoch(driver->journal, shard),
                                     .counter = driver->shards[shard].counter + 1};
    int error = troth_gtid_make(&parts, ret_gtid);
    if (error == 0) {
        driver->shards[shard].counter++;
    }
    return error;
}

/* One shard a request, in turn: a participant's mark moves a little later, its requests stay small.
 * The turn is the participant's own: one round over all of them would always come to the same
 * participant with the same shards. */
void driver_oldest_open(void *arg, uint32_t round, struct buffer *ret_list)
{
    struct driver *driver = arg;
    if (driver->shards_count == 0 || !driver->recovered) {
        return;
    }
    uint32_t shard = round % driver->shards_count;
    troth_gtid gtid;
    if (driver->shards[shard].oldest != NULL) {
        gtid = driver->shards[shard].oldest->origin.gtid;
    } else {
        struct txn_now now = driver_now();
        struct troth_gtid_parts next = {.unix_ms = now.wall.us / 1000u,
                                        .shard = (uint16_t)shard,
                                        .epoch = journal_epoch(driver->journal, shard),
                                        .counter = driver->shards[shard].counter + 1};
        if (troth_gtid_make(&next, &gtid) != 0) {
            return;
        }
    }
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&gtid, text);
    buffer_append_text(ret_list, text);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct entry *entry = arg;
    entry->timer_at.us = 0;
    struct txn_now now = driver_now();
    if (!answer_overdue(entry, now.mono)) { /* its key was never looked up: it never begins */
        answer_stopped(entry, "the journal does not answer in time");
        entry_bury(entry->driver, entry);
        return;
    }
    struct mono wake = txn_wake_at(&entry->txn);
    if (!entry->looking_up && !entry->unloaded && wake.us != 0 && wake.us <= now.mono.us) {
        struct txn_event event = {.kind = TXN_EVENT_TIMER};
        driver_step(entry->driver, entry, &event);
        return;
    }
    entry_arm(entry);
}

struct entry *entry_create(struct driver *driver, uint32_t branches_cap)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->driver = driver;
    entry->branches_cap = branches_cap;
    entry->branches = arena_alloc(&entry->arena, branches_cap * sizeof *entry->branches);
    entry->extra = arena_alloc(&entry->arena, branches_cap * sizeof *entry->extra);
    entry->wanted = arena_alloc(&entry->arena, branches_cap * sizeof(struct slots_pool *));
    entry->wanted_branch = arena_alloc(&entry->arena, branches_cap * sizeof(uint32_t));
    entry->seat.participants = arena_alloc(&entry->arena, branches_cap * sizeof(struct share *));
    if (entry->branches == NULL || entry->seat.participants == NULL || entry->extra == NULL ||
        entry->wanted == NULL || entry->wanted_branch == NULL ||
        event_assign(&entry->timer, driver->base, -1, 0, on_timer, entry) != 0) {
        arena_finish(&entry->arena);
        free(entry);
        return NULL;
    }
    return entry;
}

void entry_release(struct entry *entry, uint32_t index)
{
    struct entry_branch *extra = &entry->extra[index];
    if (extra->place_at != NULL) {
        slots_release(extra->place_at, extra->has_slot, driver_now().mono.us);
        extra->place_at = NULL;
        extra->has_slot = false;
    }
}

static void give_slots_back(struct entry *entry)
{
    struct driver *driver = entry->driver;
    gate_leave(entry);
    if (entry->slots.waiting) {
        slots_cancel(driver->slots, &entry->slots);
    }
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        entry_release(entry, i);
    }
}

void entry_destroy(struct entry *entry)
{
    assert(entry->waiters == NULL);
    (void)event_del(&entry->timer);
    room_leave(entry);
    give_slots_back(entry);
    seats_leave(entry);
    participants_let_go(entry);
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        for (uint32_t which = 0; which < ENTRY_REASONS; which++) {
            free(entry->extra[i].reasons[which]);
        }
        free(entry->extra[i].output);
    }
    registry_let_go(entry->definition);
    owners_put(&entry->driver->callers, entry->caller);
    trouble_clear(entry);
    buffer_finish(&entry->recovered_texts);
    arena_finish(&entry->arena);
    free(entry);
}

/* Keeps each shard's list in the order of (epoch, counter): new ones are the newest; those that
 * recovery loads may come in any order. */
static void link_by_age(struct shard *shard, struct entry *entry)
{
    uint64_t order = troth_gtid_order(&entry->origin.gtid);
    struct entry *before = shard->newest;
    while (before != NULL && troth_gtid_order(&before->origin.gtid) > order) {
        before = before->older;
    }
    entry->older = before;
    entry->newer = before != NULL ? before->newer : shard->oldest;
    *(before != NULL ? &before->newer : &shard->oldest) = entry;
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry;
}

static struct shard *shard_of(struct driver *driver, const struct entry *entry)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&entry->origin.gtid, &parts);
    return &driver->shards[parts.shard];
}

void entry_insert(struct driver *driver, struct entry *entry)
{
    struct entry **bucket = &driver->by_gtid[gtid_bucket(&entry->origin.gtid)];
    entry->gtid_next = *bucket;
    *bucket = entry;
    struct troth_span key = entry->origin.idempotency_key;
    if (key.data != NULL) {
        bucket = &driver->by_key[key_hash(key) & (DRIVER_BUCKETS - 1)];
        entry->key_next = *bucket;
        *bucket = entry;
    }
    link_by_age(shard_of(driver, entry), entry);
    driver->open++;
    room_count(entry);
}

void entry_remove(struct driver *driver, struct entry *entry)
{
    struct entry **at = &driver->by_gtid[gtid_bucket(&entry->origin.gtid)];
    while (*at != entry) {
        at = &(*at)->gtid_next;
    }
    *at = entry->gtid_next;
    struct troth_span key = entry->origin.idempotency_key;
    if (key.data != NULL) {
        at = &driver->by_key[key_hash(key) & (DRIVER_BUCKETS - 1)];
        while (*at != entry) {
            at = &(*at)->key_next;
        }
        *at = entry->key_next;
    }
    struct shard *shard = shard_of(driver, entry);
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    seats_leave(entry);
    driver->open--;
}

void entry_bury(struct driver *driver, struct entry *entry)
{
    if (entry->dead) {
        return;
    }
    entry->dead = true;
    watch_buried(entry);
    entry_remove(driver, entry);
    (void)event_del(&entry->timer);
    entry->dead_next = driver->dead;
    driver->dead = entry;
}

void entry_bury_all(struct driver *driver)
{
    while (driver->dead != NULL) {
        struct entry *entry = driver->dead;
        driver->dead = entry->dead_next;
        entry_destroy(entry);
    }
}

struct entry *entry_find(const struct driver *driver, const troth_gtid *gtid)
{
    struct entry *entry = driver->by_gtid[gtid_bucket(gtid)];
    while (entry != NULL && !troth_gtid_equal(&entry->origin.gtid, gtid)) {
        entry = entry->gtid_next;
    }
    return entry;
}

struct entry *entry_find_key(const struct driver *driver, struct troth_span key)
{
    struct entry *entry = driver->by_key[key_hash(key) & (DRIVER_BUCKETS - 1)];
    while (entry != NULL && (entry->origin.idempotency_key.len != key.len ||
                             memcmp(entry->origin.idempotency_key.data, key.data, key.len) != 0)) {
        entry = entry->key_next;
    }
    return entry;
}

/* One timer serves the core and the clients that wait. */
void entry_arm(struct entry *entry)
{
    if (entry->dead) {
        return;
    }
    bool sleeps = entry->looking_up || entry->unloaded;
    struct mono wake = sleeps ? (struct mono){0} : txn_wake_at(&entry->txn);
    struct mono client = answer_next(entry);
    if (wake.us == 0 || (client.us != 0 && client.us < wake.us)) {
        wake = client;
    }
    if (wake.us == entry->timer_at.us) {
        return;
    }
    entry->timer_at = wake;
    if (wake.us == 0) {
        (void)event_del(&entry->timer);
        return;
    }
    uint64_t now = driver_now().mono.us;
    uint64_t wait = wake.us > now ? wake.us - now : 0;
    struct timeval after = timeval_of(wait);
    (void)event_add(&entry->timer, &after); /* fails only without memory for the heap */
}

int64_t entry_branch_index(const struct entry *entry, uint32_t number)
{
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        if (entry->branches[i].number == number) {
            return i;
        }
    }
    return -1;
}

static bool reason_is_shown(const struct entry *entry, uint32_t index, const char *reason)
{
    const struct txn_branch *branch = &entry->branches[index];
    return reason != NULL &&
           (branch->reason.data == reason || branch->abort_reason.data == reason ||
            entry->txn.fallback_reason.data == reason);
}

struct troth_span entry_keep_reason(struct entry *entry, uint32_t index, struct troth_span reason)
{
    if (reason.data == NULL) {
        return reason;
    }
    struct entry_branch *extra = &entry->extra[index];
    uint32_t which = 0;
    while (which + 1 < ENTRY_REASONS && reason_is_shown(entry, index, extra->reasons[which])) {
        which++;
    }
    if (extra->reasons[which] == NULL) {
        extra->reasons[which] = malloc(MESSAGE_REASON_MAX);
    }
    if (extra->reasons[which] == NULL) {
        return (struct troth_span){NULL, 0};
    }
    size_t len = reason.len < MESSAGE_REASON_MAX ? reason.len : MESSAGE_REASON_MAX;
    memcpy(extra->reasons[which], reason.data, len);
    return (struct troth_span){extra->reasons[which], len};
}
