/* hash.c: SipHash-1-3, the key of the process, and the table. */
#include <base/hash.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct sip {
    uint64_t v[4];
};

static uint64_t rotated(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
    uint64_t *v = sip->v;
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

/* Sixteen random bytes that the kernel gives each process; where there are none, the place where
 * this process was loaded has to do. Two threads that ask first find the same. */
static const void *key_bytes(void)
{
    static _Atomic(const void *) found;
    static const void *const places[2] = {&found, &found};
    const void *bytes = atomic_load_explicit(&found, memory_order_relaxed);
    if (bytes != NULL)
        return bytes;
    union {
        unsigned long number;
        const void *bytes;
    } random = {.number = getauxval(AT_RANDOM)};
    bytes = random.number != 0 ? random.bytes : (const void *)places;
    atomic_store_explicit(&found, bytes, memory_order_relaxed);
    return bytes;
}

static struct sip sip_begin(void)
{
    uint64_t key[2];
    memcpy(key, key_bytes(), sizeof key);
    return (struct sip){
        {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
         key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)}};
}

static void sip_take(struct sip *sip, uint64_t eight)
{
    sip->v[3] ^= eight;
    sip_round(sip);
    sip->v[0] ^= eight;
}

static uint64_t sip_end(struct sip *sip)
{
    sip->v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(sip);
    return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

uint64_t hash_span(struct troth_span bytes)
{
    struct sip sip = sip_begin();
    uint64_t eight = 0;
    size_t at = 0;
    for (; bytes.len - at >= 8; at += 8) {
        memcpy(&eight, bytes.data + at, 8);
        sip_take(&sip, eight);
    }
    eight = 0;
    if (at < bytes.len)
        memcpy(&eight, bytes.data + at, bytes.len - at);
    sip_take(&sip, eight ^ (uint64_t)bytes.len << 56);
    return sip_end(&sip);
}

uint64_t hash_pair(uint64_t first, uint64_t second)
{
    struct sip sip = sip_begin();
    sip_take(&sip, first);
    sip_take(&sip, second);
    return sip_end(&sip);
}

/* --- the table -------------------------------------------------------------------------------- */

uint32_t hash_places(uint32_t items)
{
    uint32_t places = 16;
    while (places < 2 * items)
        places *= 2;
    return places;
}

uint32_t *hash_place(uint32_t *places, uint32_t places_count, uint64_t hash, hash_is_fn is,
                     const void *arg)
{
    uint32_t at = (uint32_t)hash & (places_count - 1);
    while (places[at] != 0 && !is(arg, places[at] - 1))
        at = (at + 1) & (places_count - 1);
    return &places[at];
}

int hash_table_reset(struct hash_table *table, uint32_t items)
{
    uint32_t count = hash_places(items);
    if (count > table->cap) {
        free(table->places);
        *table = (struct hash_table){.places = malloc(count * sizeof *table->places)};
        if (table->places == NULL)
            return TROTH_ERROR_NO_MEMORY;
        table->cap = count;
    }
    memset(table->places, 0, count * sizeof *table->places);
    table->count = count;
    return 0;
}

void hash_table_finish(struct hash_table *table)
{
    free(table->places);
    *table = (struct hash_table){.places = NULL};
}
