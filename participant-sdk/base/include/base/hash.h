/* base/hash.h: a hash that nobody outside can aim at, and the table for it.
 *
 * SipHash-1-3 under a key of the process (the kernel's random bytes, AT_RANDOM): whoever chooses
 * the names cannot choose that they meet, so that a look-up costs the same whatever it holds. The
 * same bytes hash otherwise in another process: nothing may be kept or sent by it. Threads: all. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

uint64_t hash_span(struct troth_span bytes);
/* Of two hashes in their order. */
uint64_t hash_pair(uint64_t first, uint64_t second);

/* A table holds numbers of items that the caller has in an array of its own: `places` of them, a
 * power of two and at least twice the items, so that a look-up ends soon. 0 is an empty place, else
 * the item's number + 1. */
uint32_t hash_places(uint32_t items); /* for so many, at most 2^30 */
/* Is the item the one that is looked for? */
typedef bool (*hash_is_fn)(const void *arg, uint32_t item);
/* The place of that item, or the empty one where it belongs. */
uint32_t *hash_place(uint32_t *places, uint32_t places_count, uint64_t hash, hash_is_fn is,
                     const void *arg);

/* Such places that grow as they are needed. Zero-initialise to begin. */
struct hash_table {
    uint32_t *places;
    uint32_t count, cap;
};
TROTH_MUST_CHECK int hash_table_reset(struct hash_table *table, uint32_t items); /* all empty */
void hash_table_finish(struct hash_table *table);

#endif
