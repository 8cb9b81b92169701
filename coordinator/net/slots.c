/* slots.c: a slot at every participant, all or none, first come first served.
 *
 * With all or none nobody holds one slot while waiting for another, so no two transactions can wait
 * for each other (libraries.md, the batch binding and deadlock). Whoever waits bars its channels
 * for those behind it, so that a transaction over many participants is not overtaken for ever by
 * small ones; waiters that share no channel pass each other. */
#include "lane.h"

#include <assert.h>
#include <stdlib.h>

struct list {
    struct slots_waiter *first, *last;
};

struct slots {
    struct list waiting;
    struct list granted; /* have their slots, not told yet */
    uint32_t wanted;     /* channels that somebody waits for */
    uint64_t round;
};

static void append(struct list *list, struct slots_waiter *waiter)
{
    waiter->next = NULL;
    waiter->prev = list->last;
    if (list->last != NULL) {
        list->last->next = waiter;
    } else {
        list->first = waiter;
    }
    list->last = waiter;
}

static void take_out(struct list *list, struct slots_waiter *waiter)
{
    if (waiter->prev != NULL) {
        waiter->prev->next = waiter->next;
    } else {
        list->first = waiter->next;
    }
    if (waiter->next != NULL) {
        waiter->next->prev = waiter->prev;
    } else {
        list->last = waiter->prev;
    }
    waiter->next = NULL;
    waiter->prev = NULL;
}

int slots_create(struct slots **ret_slots)
{
    struct slots *slots = calloc(1, sizeof(*slots));
    if (slots == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
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
        struct channel *channel = waiter->channels[i];
        if (more) {
            slots->wanted += channel->slots_wanted++ == 0 ? 1 : 0;
        } else {
            slots->wanted -= --channel->slots_wanted == 0 ? 1 : 0;
        }
    }
}

void slots_reserve(struct slots *slots, struct slots_waiter *waiter)
{
    assert(!waiter->waiting);
    waiter->waiting = true;
    waiter->taken = false;
    append(&slots->waiting, waiter);
    count_wanted(slots, waiter, true);
}

void slots_release(struct slots *slots, struct channel *channel)
{
    (void)slots;
    assert(channel->slots_used > 0);
    channel->slots_used--;
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
    take_out(&slots->granted, waiter);
    for (uint32_t i = 0; i < waiter->count; i++) {
        slots_release(slots, waiter->channels[i]);
    }
}

/* Of the waiter's channels, how many are this one. */
static uint32_t needs(const struct slots_waiter *waiter, const struct channel *channel)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < waiter->count; i++) {
        count += waiter->channels[i] == channel ? 1 : 0;
    }
    return count;
}

static bool has_room(const struct channel *channel, uint32_t needed)
{
    if (channel->slots_used == 0) {
        return true; /* also for more than there are: waiting longer would not help */
    }
    return channel->slots > channel->slots_used && channel->slots - channel->slots_used >= needed;
}

static bool is_grantable(const struct slots *slots, const struct slots_waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->count; i++) {
        const struct channel *channel = waiter->channels[i];
        if (channel->slots_round == slots->round || !has_room(channel, needs(waiter, channel))) {
            return false;
        }
    }
    return true;
}

/* Nobody behind this waiter may pass it at these channels. How many were not barred before. */
static uint32_t bar(const struct slots *slots, const struct slots_waiter *waiter)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < waiter->count; i++) {
        count += waiter->channels[i]->slots_round != slots->round ? 1 : 0;
        waiter->channels[i]->slots_round = slots->round;
    }
    return count;
}

static void grant(struct slots *slots, struct slots_waiter *waiter)
{
    take_out(&slots->waiting, waiter);
    count_wanted(slots, waiter, false);
    for (uint32_t i = 0; i < waiter->count; i++) {
        waiter->channels[i]->slots_used++;
    }
    waiter->taken = true;
    append(&slots->granted, waiter);
}

void slots_run(struct slots *slots)
{
    uint32_t barred = 0;
    struct slots_waiter *waiter = slots->waiting.first;
    slots->round++;
    while (waiter != NULL && barred < slots->wanted) {
        struct slots_waiter *next = waiter->next;
        if (is_grantable(slots, waiter)) {
            grant(slots, waiter);
        } else {
            barred += bar(slots, waiter);
        }
        waiter = next;
    }
    while ((waiter = slots->granted.first) != NULL) {
        take_out(&slots->granted, waiter);
        waiter->waiting = false;
        waiter->granted(waiter);
    }
}
