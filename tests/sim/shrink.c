/* shrink.c: a failing history is run again and again with less of what went wrong in it: crashes,
 * takeovers, lost and doubled messages, whole clients. What it fails without is left out for good;
 * in halves first, then one by one. What is drawn behind a choice that is left out may come
 * otherwise, so that another history may be what is found in the end: it must only fail in the same
 * way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shrink.h"

#define HAPPENS_MAX 20000u
#define SAME_LEN    12u /* "invariant 3:" */
#define RUNS_MAX    20000u

struct shrunk {
    bool off[HAPPENS_MAX];
    char why[256];
    uint32_t happened, runs;
    uint64_t steps;
};

/* true: it fails as the first one did. */
static bool fails(struct shrunk *shrunk, const bool *off, const struct shrink *shrink,
                  struct world *ret_world)
{
    memset(ret_world, 0, sizeof(*ret_world));
    ret_world->off = off;
    ret_world->off_count = HAPPENS_MAX;
    shrink->run(shrink->arg, ret_world);
    shrunk->runs++;
    return ret_world->failed &&
           (shrunk->why[0] == '\0' || strncmp(ret_world->why, shrunk->why, SAME_LEN) == 0);
}

static bool without(struct shrunk *shrunk, const struct shrink *shrink, struct world *world,
                    uint32_t first, uint32_t count)
{
    static bool off[HAPPENS_MAX];
    bool any = false;
    memcpy(off, shrunk->off, sizeof(off));
    for (uint32_t i = first; i < first + count && i < HAPPENS_MAX; i++) {
        any = any || !off[i];
        off[i] = true;
    }
    if (!any || shrunk->runs > RUNS_MAX || !fails(shrunk, off, shrink, world))
        return false;
    memcpy(shrunk->off, off, sizeof(off));
    shrunk->happened = world->happened;
    shrunk->steps = world->steps;
    return true;
}

static uint32_t left(const struct shrunk *shrunk)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < shrunk->happened && i < HAPPENS_MAX; i++)
        count += !shrunk->off[i];
    return count;
}

static void pass(struct shrunk *shrunk, const struct shrink *shrink, struct world *world)
{
    uint32_t chunk = 1;
    while (chunk < shrunk->happened / 2)
        chunk *= 2;
    for (; chunk > 0; chunk /= 2)
        for (uint32_t i = 0; i < shrunk->happened; i += chunk)
            (void)without(shrunk, shrink, world, i, chunk);
}

int shrink_history(const struct shrink *shrink)
{
    struct world *world = calloc(1, sizeof(*world));
    struct shrunk *shrunk = calloc(1, sizeof(*shrunk));
    if (world == NULL || shrunk == NULL)
        abort();
    if (!fails(shrunk, shrunk->off, shrink, world)) {
        printf("seed %llu does not fail\n", (unsigned long long)shrink->seed);
        free(world);
        free(shrunk);
        return EXIT_FAILURE;
    }
    memcpy(shrunk->why, world->why, sizeof(shrunk->why));
    shrunk->happened = world->happened;
    shrunk->steps = world->steps;
    uint64_t steps = world->steps;
    uint32_t happened = world->happened, before;
    do {
        before = left(shrunk);
        pass(shrunk, shrink, world);
    } while (left(shrunk) < before && shrunk->runs <= RUNS_MAX);
    shrink->told(shrink->arg);
    bool same = fails(shrunk, shrunk->off, shrink, world);
    printf(
        "seed %llu: %s\n  %llu events of %llu, %u of the %u choices that something happens, in %u "
        "runs\n",
        (unsigned long long)shrink->seed, world->why, (unsigned long long)world->steps,
        (unsigned long long)steps, left(shrunk), happened, shrunk->runs);
    bool shorter = same && left(shrunk) < happened;
    free(world);
    free(shrunk);
    return shorter ? EXIT_SUCCESS : EXIT_FAILURE;
}
