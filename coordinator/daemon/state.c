/* state.c: what all of the driver's files know: whether it can go on, whether it leads, and what
 * was put off until the end of the turn. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>

void driver_fail(struct driver *driver, const char *why)
{
    if (!driver->failed) {
        driver->failed = true;
        (void)snprintf(driver->why, sizeof driver->why, "%s", why);
    }
}

bool driver_failed(const struct driver *driver, const char **ret_why)
{
    if (driver->failed)
        *ret_why = driver->why;
    return driver->failed;
}

bool driver_serving(const struct driver *driver)
{
    return driver->joined && driver->registry_loaded && driver->recovered;
}

bool driver_settled(const struct driver *driver)
{
    for (uint32_t i = 0; i < driver->shards_count; i++)
        if (driver->shards[i].life == SHARD_LOADING || driver->shards[i].life == SHARD_LOADED)
            return false;
    return driver->recovered;
}

/* xorshift64*: for jitter and seeds, not for secrets. */
uint64_t driver_random(struct driver *driver)
{
    uint64_t x = driver->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    driver->random = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

void driver_defer(struct driver *driver, const struct deferred *deferred)
{
    if (driver->deferred_count == driver->deferred_cap) {
        size_t cap = driver->deferred_cap == 0 ? 256 : driver->deferred_cap * 2;
        struct deferred *grown = realloc(driver->deferred, cap * sizeof *grown);
        if (grown == NULL)
            return; /* the core's timers come round to the same place */
        driver->deferred = grown;
        driver->deferred_cap = cap;
    }
    driver->deferred[driver->deferred_count++] = *deferred;
}
