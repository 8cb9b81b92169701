/* slots.c: a slot and a place at every participant, all or none.
 *
 * With all or none nobody holds one slot while waiting for another, so no two transactions can wait
 * for each other (libraries.md, the batch binding and deadlock). That leaves two ways to go wrong.
 * If who waits for A and B keeps others from A, a dead B stops those that never touch it. If it
 * keeps nobody from anything, and A and B are both busy, it waits for ever: whenever one has a slot
 * the other has none.
 *
 * So a waiter that lacks something waits in line for that, and takes nothing else from anybody
 * behind it [BARSOTHERS], with one exception: the first in line for all that it lacks may claim
 * what it does not lack, one slot as it needs it, for as long as what it lacks is moving: something
 * was given back there within the waiter's patience. Patience is short, and doubles each time that
 * what it lacks has moved in vain; so who is alive is waited for in the end, however slow, and who
 * is dead costs another one slot, for as long as it used to take when it lived. */
#include <net/slots.h>

#include <assert.h>
#include <stdlib.h>

#define PATIENCE_MIN_US UINT64_C(5000)
#define PATIENCE_MAX_US UINT64_C(2000000)

struct list {
    struct slots_waiter *first, *last;
};

struct slots {
    struct list waiting;
    struct list told; /* granted or refused, not told yet */
    uint32_t wanted;  /* pools that somebody waits for */
    uint64_t round;
    uint64_t again_us; /* of the round under way */
};

static void append(struct list *list, struct slots_waiter *waiter)
{
    waiter->next = NULL;
    waiter->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = waiter;
    list->last = waiter;
}

static void take_out(struct list *list, struct slots_waiter *waiter)
{
    *(waiter->prev != NULL ? &waiter->prev->next : &list->first) = waiter->next;
    *(waiter->next != NULL ? &waiter->next->prev : &list->last) = waiter->prev;
    waiter->next = NULL;
    waiter->prev = NULL;
}

int slots_create(struct slots **ret_slots)
{
    struct slots *slots = calloc(1, sizeof(*slots));
    if (slots == NULL)
        return TROTH_ERROR_NO_MEMORY;
    *ret_slots = slots;
    return 0;
}

void slots_destroy(struct slots *slots)
{
    free(slots);
}

static void count_wanted(struct slots *slots, const struct slots_waiter *waiter, bool more)
{
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = waiter->pools[i];
        assert(more || pool->wanted > 0);
        if (more)
            slots->wanted += pool->wanted++ == 0 ? 1 : 0;
        else
            slots->wanted -= --pool->wanted == 0 ? 1 : 0;
    }
}

void slots_reserve(struct slots *slots, struct slots_waiter *waiter, uint64_t now_us)
{
    assert(!waiter->waiting);
    waiter->waiting = true;
    waiter->taken = false;
    waiter->learnt_us = now_us;
    waiter->refused_at = 0;
    waiter->since_us = now_us;
    waiter->patience_us = PATIENCE_MIN_US;
    append(&slots->waiting, waiter);
    count_wanted(slots, waiter, true);
}

void slots_end_phase1(struct slots_pool *pool, uint64_t now_us)
{
    assert(pool->used > 0);
    pool->used--;
    pool->moved_us = now_us;
}

void slots_release(struct slots_pool *pool, bool with_slot, uint64_t now_us)
{
    assert(pool->held > 0 && pool->used >= (with_slot ? 1 : 0));
    pool->held--;
    pool->used -= with_slot ? 1 : 0;
    pool->moved_us = now_us;
}

void slots_cancel(struct slots *slots, struct slots_waiter *waiter)
{
    assert(waiter->waiting);
    waiter->waiting = false;
    if (!waiter->taken) {
        take_out(&slots->waiting, waiter);
        count_wanted(slots, waiter, false);
        return;
    }
    take_out(&slots->told, waiter);
    for (uint32_t i = 0; waiter->refused_at == 0 && i < waiter->count; i++) {
        waiter->pools[i]->used--;
        waiter->pools[i]->held--;
    }
}

/* --- a round: from the oldest waiter to the youngest ------------------------------------------ */

static struct slots_pool *pool_of(const struct slots *slots, const struct slots_waiter *waiter,
                                  uint32_t i)
{
    struct slots_pool *pool = waiter->pools[i];
    if (pool->round != slots->round) {
        pool->was_in_line = pool->round + 1 == slots->round && pool->in_line;
        pool->round = slots->round;
        pool->claimed = 0;
        pool->in_line = false;
        pool->barred = false;
        pool->full = false;
    }
    return pool;
}

/* Of the waiter's pools, how many are this one. */
static uint32_t needs(const struct slots_waiter *waiter, const struct slots_pool *pool)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < waiter->count; i++)
        count += waiter->pools[i] == pool ? 1 : 0;
    return count;
}

static bool fits(uint32_t taken, uint32_t needed, uint32_t all)
{
    return taken < all && all - taken >= needed;
}

/* Also for more than there are, when nobody holds any: waiting longer would not help. */
static bool has_room(const struct slots_pool *pool, uint32_t needed)
{
    if (pool->used == 0 && pool->held == 0 && pool->claimed == 0)
        return true;
    return fits(pool->used + pool->claimed, needed, pool->slots) &&
           fits(pool->held + pool->claimed, needed, pool->places);
}

static bool may_try(const struct slots_pool *pool, uint64_t now_us)
{
    return pool->breaker == BREAKER_CLOSED ||
           (pool->breaker == BREAKER_WARY && now_us >= pool->try_at_us);
}

static void look_again(struct slots *slots, uint64_t at_us)
{
    if (slots->again_us == 0 || at_us < slots->again_us)
        slots->again_us = at_us;
}

static bool lacks(struct slots *slots, const struct slots_waiter *waiter, struct slots_pool *pool,
                  uint64_t now_us)
{
    if (!may_try(pool, now_us)) {
        look_again(slots, pool->try_at_us);
        return true;
    }
    return pool->barred || !has_room(pool, needs(waiter, pool));
}

/* What a waiter lacks, seen from where it stands. */
struct lack {
    uint32_t count;
    bool first;        /* in line, for all of it */
    uint64_t moved_us; /* the pool that moved longest ago */
};

static struct lack lack_of(struct slots *slots, const struct slots_waiter *waiter, uint64_t now_us)
{
    struct lack lack = {.first = true, .moved_us = UINT64_MAX};
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = pool_of(slots, waiter, i);
        if (!lacks(slots, waiter, pool, now_us))
            continue;
        lack.count++;
        lack.first = lack.first && !pool->in_line && pool->breaker == BREAKER_CLOSED;
        lack.moved_us = pool->moved_us < lack.moved_us ? pool->moved_us : lack.moved_us;
    }
    return lack;
}

/* Until when the waiter may claim; 0: not at all. Whatever it lacks has moved again, and that was
 * no help: next time it waits longer. */
static uint64_t hopes_until(struct slots_waiter *waiter, const struct lack *lack, uint64_t now_us)
{
    uint64_t from_us = lack->moved_us > waiter->since_us ? lack->moved_us : waiter->since_us;
    if (!lack->first)
        return 0;
    if (now_us >= from_us + waiter->patience_us && lack->moved_us > waiter->learnt_us) {
        waiter->learnt_us = now_us;
        waiter->patience_us *= waiter->patience_us < PATIENCE_MAX_US ? 2 : 1;
    }
    return from_us + waiter->patience_us;
}

/* It cannot be granted now. What it lacks is kept from those behind, so that who needs two comes
 * to them; but not where it waits for another pool first. How many pools have nothing left for
 * anybody in this round. */
static uint32_t stand_in_line(struct slots *slots, struct slots_waiter *waiter, uint64_t now_us)
{
    uint32_t full = 0;
    struct lack lack = lack_of(slots, waiter, now_us);
    uint64_t until_us = hopes_until(waiter, &lack, now_us);
    bool hopes = now_us < until_us;
    if (hopes)
        look_again(slots, until_us);
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = waiter->pools[i];
        if (lacks(slots, waiter, pool, now_us)) {
            pool->since_us = pool->in_line ? pool->since_us : waiter->since_us;
            pool->granted_us = pool->was_in_line || pool->in_line ? pool->granted_us : now_us;
            pool->in_line = true;
            pool->bars = hopes || lack.count == needs(waiter, pool);
        } else if (hopes) {
            pool->claimed++;
        }
    }
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = waiter->pools[i];
        pool->barred = pool->barred || (pool->in_line && pool->bars);
        bool is_full = pool->barred || !may_try(pool, now_us) || !has_room(pool, 1);
        full += is_full && !pool->full ? 1 : 0;
        pool->full = pool->full || is_full;
    }
    return full;
}

static bool is_grantable(struct slots *slots, const struct slots_waiter *waiter, uint64_t now_us)
{
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = pool_of(slots, waiter, i);
        if (lacks(slots, waiter, pool, now_us))
            return false;
    }
    return true;
}

/* Several grants at one time are as many with nothing between them. */
static void count_interval(struct slots_pool *pool, uint64_t now_us)
{
    if (!pool->was_in_line)
        return;
    uint64_t between_us = now_us > pool->granted_us ? now_us - pool->granted_us : 0;
    pool->interval_64 = pool->interval_64 - pool->interval_64 / 64 + between_us;
    pool->granted_us = now_us;
}

static void grant(struct slots *slots, struct slots_waiter *waiter, uint64_t now_us)
{
    take_out(&slots->waiting, waiter);
    count_wanted(slots, waiter, false);
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct slots_pool *pool = waiter->pools[i];
        count_interval(pool, now_us);
        pool->used++;
        pool->held++;
        pool->try_at_us = now_us + BREAKER_TRY_US; /* where it is wary, this is the one */
    }
    waiter->taken = true;
    append(&slots->told, waiter);
}

/* The index of a pool whose breaker is open; count: none. */
static uint32_t open_at(const struct slots_waiter *waiter)
{
    uint32_t i = 0;
    while (i < waiter->count && waiter->pools[i]->breaker != BREAKER_OPEN)
        i++;
    return i;
}

static void refuse(struct slots *slots, struct slots_waiter *waiter, uint32_t at)
{
    take_out(&slots->waiting, waiter);
    count_wanted(slots, waiter, false);
    waiter->taken = true;
    waiter->refused_at = at + 1;
    append(&slots->told, waiter);
}

static void tell(struct slots *slots)
{
    struct slots_waiter *waiter;
    while ((waiter = slots->told.first) != NULL) {
        take_out(&slots->told, waiter);
        waiter->waiting = false;
        if (waiter->refused_at != 0)
            waiter->refused(waiter, waiter->refused_at - 1);
        else
            waiter->granted(waiter);
    }
}

uint64_t slots_wait_us(const struct slots *slots, const struct slots_pool *pool, uint64_t now_us)
{
    if (pool->round != slots->round || !pool->in_line || pool->wanted == 0)
        return 0;
    uint64_t waited_us = now_us > pool->since_us ? now_us - pool->since_us : 0;
    uint64_t ahead_us = pool->wanted * pool->interval_64 / 64;
    return waited_us > ahead_us ? waited_us : ahead_us;
}

uint64_t slots_run(struct slots *slots, uint64_t now_us)
{
    uint32_t full = 0;
    struct slots_waiter *waiter = slots->waiting.first;
    slots->round++;
    slots->again_us = 0;
    while (waiter != NULL && full < slots->wanted) {
        struct slots_waiter *next = waiter->next;
        uint32_t at = open_at(waiter);
        if (at < waiter->count)
            refuse(slots, waiter, at);
        else if (is_grantable(slots, waiter, now_us))
            grant(slots, waiter, now_us);
        else
            full += stand_in_line(slots, waiter, now_us);
        waiter = next;
    }
    tell(slots);
    return slots->again_us;
}
