/* table.c: the open transactions in memory: found by gtid and by idempotency key, in each shard in
 * the order of their age; and the next gtid. */
#include "table.h"

#include <string.h>

#include <base/buffer.h>
#include <journal/journal.h>

#include "clock.h"
#include "counting.h"
#include "entry.h"
#include "room.h"
#include "state.h"

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
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(0x100000001b3);
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
    if (error == 0)
        driver->shards[shard].counter++;
    return error;
}

/* Of what another node leads nothing is known here. */
static bool shard_of_turn(const struct driver *driver, uint32_t round, uint32_t *ret_shard)
{
    for (uint32_t i = 0; i < driver->shards_count; i++) {
        uint32_t shard = (round + i) % driver->shards_count;
        if (driver->shards[shard].life == SHARD_OPEN) {
            *ret_shard = shard;
            return true;
        }
    }
    return false;
}

/* One shard a request, in turn: a participant's mark moves a little later, its requests stay small.
 * The turn is the participant's own: one round over all of them would always come to the same
 * participant with the same shards. */
void driver_oldest_open(void *arg, uint32_t round, struct buffer *ret_list)
{
    struct driver *driver = arg;
    uint32_t shard = 0;
    if (!shard_of_turn(driver, round, &shard))
        return;
    troth_gtid gtid;
    if (driver->shards[shard].oldest != NULL) {
        gtid = driver->shards[shard].oldest->origin.gtid;
    } else {
        struct txn_now now = driver_now();
        struct troth_gtid_parts next = {.unix_ms = now.wall.us / 1000u,
                                        .shard = (uint16_t)shard,
                                        .epoch = journal_epoch(driver->journal, shard),
                                        .counter = driver->shards[shard].counter + 1};
        if (troth_gtid_make(&next, &gtid) != 0)
            return;
    }
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&gtid, text);
    buffer_append_text(ret_list, text);
}

/* Keeps each shard's list in the order of (epoch, counter): new ones are the newest; those that
 * recovery loads may come in any order. */
static void link_by_age(struct shard *shard, struct entry *entry)
{
    uint64_t order = troth_gtid_order(&entry->origin.gtid);
    struct entry *before = shard->newest;
    while (before != NULL && troth_gtid_order(&before->origin.gtid) > order)
        before = before->older;
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
    while (*at != entry)
        at = &(*at)->gtid_next;
    *at = entry->gtid_next;
    struct troth_span key = entry->origin.idempotency_key;
    if (key.data != NULL) {
        at = &driver->by_key[key_hash(key) & (DRIVER_BUCKETS - 1)];
        while (*at != entry)
            at = &(*at)->key_next;
        *at = entry->key_next;
    }
    struct shard *shard = shard_of(driver, entry);
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    driver->open--;
}

struct entry *entry_find(const struct driver *driver, const troth_gtid *gtid)
{
    struct entry *entry = driver->by_gtid[gtid_bucket(gtid)];
    while (entry != NULL && !troth_gtid_equal(&entry->origin.gtid, gtid))
        entry = entry->gtid_next;
    return entry;
}

struct entry *entry_find_key(const struct driver *driver, struct troth_span key)
{
    struct entry *entry = driver->by_key[key_hash(key) & (DRIVER_BUCKETS - 1)];
    while (entry != NULL && (entry->origin.idempotency_key.len != key.len ||
                             memcmp(entry->origin.idempotency_key.data, key.data, key.len) != 0))
        entry = entry->key_next;
    return entry;
}
