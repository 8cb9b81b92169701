/* gate.c: transactions of a definition that prepare in order go through its gate: so many at a
 * time as get most done, or one at a time with its prepares side by side (learn.h), first come
 * first served, but that one which met a conflict goes
 * before those that have not begun. A row that sixty sessions wait for is handed on slower by
 * PostgreSQL than one that two wait for; here a waiter costs nothing.
 *
 * Inside is who has its slots, or waits for them, until it has given them all back: by then its
 * participants have committed, or were told to abort; where they go in turn, until all its votes
 * are there. The order of prepares is the same for all that are inside: another one waits until the
 * gate is empty.
 *
 * Whoever is inside for much longer than they are on average waits for something of its own (a lock
 * that somebody else holds, a slow participant): it stands aside, and counts no more, so that those
 * who want other rows go on. */
#include "gate.h"

#include <assert.h>

#include <event2/event.h>

#include "clock.h"
#include "definitions.h"
#include "entry.h"
#include "learn.h"
#include "state.h"

#define GATE_LOOK_US     10000u /* how often those inside are looked at, while others wait */
#define GATE_PATIENCE_US 20000u /* nobody stands aside sooner */
#define GATE_PATIENCE    8u     /* times the average */
#define GATE_WEIGHTS     16u    /* of the average: as if of so many */

static bool has_gate(const struct entry *entry)
{
    return entry->definition != NULL && !entry->is_probe &&
           entry->definition->learn.mode != LEARN_PARALLEL;
}

static bool has_room(struct definition_slot *slot)
{
    if (slot->learn.mode == LEARN_PARALLEL)
        return true;
    if (slot->inside.count == 0) {
        slot->order_version = slot->learn.order_version;
        return true;
    }
    return slot->order_version == slot->learn.order_version && !slot->learn.in_turn &&
           slot->inside.count < slot->learn.limit;
}

static void link_last(struct gate_list *list, struct entry *entry)
{
    entry->gate_next = NULL;
    entry->gate_prev = list->last;
    *(list->last != NULL ? &list->last->gate_next : &list->first) = entry;
    list->last = entry;
    list->count++;
}

static void link_first(struct gate_list *list, struct entry *entry)
{
    entry->gate_prev = NULL;
    entry->gate_next = list->first;
    *(list->first != NULL ? &list->first->gate_prev : &list->last) = entry;
    list->first = entry;
    list->count++;
}

static void take_out(struct gate_list *list, struct entry *entry)
{
    *(entry->gate_prev != NULL ? &entry->gate_prev->gate_next : &list->first) = entry->gate_next;
    *(entry->gate_next != NULL ? &entry->gate_next->gate_prev : &list->last) = entry->gate_prev;
    entry->gate_next = entry->gate_prev = NULL;
    list->count--;
    entry->place = GATE_OUTSIDE;
}

static void let_in(struct entry *entry)
{
    struct definition_slot *slot = entry->definition;
    link_last(&slot->inside, entry);
    entry->place = GATE_INSIDE;
    entry->inside_since = driver_now().mono;
    if (slot->learn.mode != LEARN_PARALLEL)
        entry->origin.ordered = !slot->learn.in_turn; /* of its first attempt: not begun yet */
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        entry->branches[i].prepares_last = (slot->learn.last_steps >> i & 1u) != 0;
}

static void let_in_more(struct definition_slot *slot)
{
    while (slot->before.first != NULL && has_room(slot)) {
        struct entry *next = slot->before.first;
        take_out(&slot->before, next);
        pace_turn(&slot->pace, driver_now().mono);
        let_in(next);
        entry_reserve(next);
    }
}

uint64_t gate_wait_us(const struct definition_slot *slot, struct mono now)
{
    const struct entry *first = slot->before.first;
    return pace_wait_us(&slot->pace, slot->before.count,
                        first != NULL ? now.us - first->waits_since.us : 0);
}

/* Who met a conflict goes before those that have not begun. */
static void wait_before(struct definition_slot *slot, struct entry *entry)
{
    bool goes_first = entry->txn.attempt > 1 || entry->txn.conflicts > 0;
    (goes_first ? link_first : link_last)(&slot->before, entry);
    entry->waits_since = driver_now().mono;
    if (slot->before.count == 1)
        pace_begin(&slot->pace, entry->waits_since);
    entry->place = GATE_BEFORE;
    gate_arm(entry->driver);
}

/* true: it may ask for its slots now. false: entry_reserve() is called when it may. */
bool gate_enter(struct entry *entry)
{
    struct definition_slot *slot = entry->definition;
    if (!has_gate(entry))
        return true;
    assert(entry->place == GATE_OUTSIDE || entry->place == GATE_ASIDE);
    if (slot->before.first == NULL && has_room(slot)) {
        let_in(entry);
        return true;
    }
    wait_before(slot, entry);
    return false;
}

/* It has no slot any more and wants none; also when it ends, or is not wanted. */
void gate_leave(struct entry *entry)
{
    struct definition_slot *slot = entry->definition;
    switch (entry->place) {
    case GATE_OUTSIDE:
        return;
    case GATE_BEFORE:
        take_out(&slot->before, entry);
        return;
    case GATE_ASIDE:
        entry->place = GATE_OUTSIDE;
        return;
    case GATE_INSIDE:
        break;
    }
    struct mono now = driver_now().mono;
    uint64_t took_us = now.us - entry->inside_since.us;
    slot->inside_us = (slot->inside_us * (GATE_WEIGHTS - 1) + took_us) / GATE_WEIGHTS;
    take_out(&slot->inside, entry);
    learn_left(&slot->learn, slot->before.first != NULL, now);
    let_in_more(slot);
}

void gate_voted(struct entry *entry)
{
    if (entry->place == GATE_INSIDE && entry->definition->learn.in_turn)
        gate_leave(entry);
}

/* --- who waits for something of its own --------------------------------------------------------
 */

static void look_inside(struct definition_slot *slot, struct mono now)
{
    uint64_t patience_us = slot->inside_us * GATE_PATIENCE;
    patience_us = patience_us < GATE_PATIENCE_US ? GATE_PATIENCE_US : patience_us;
    struct entry *entry; /* the first is inside for longest */
    while ((entry = slot->inside.first) != NULL && now.us > entry->inside_since.us + patience_us) {
        take_out(&slot->inside, entry);
        entry->place = GATE_ASIDE;
    }
    let_in_more(slot);
}

static void look(struct definition_slot *slot, struct mono now)
{
    if (slot->before.first != NULL)
        look_inside(slot, now);
    if (slot->before.first != NULL)
        gate_arm(slot->driver);
}

void gate_look(struct driver *driver, struct mono now)
{
    for (uint32_t i = 0; i < driver->definitions_count; i++)
        look(driver->definitions[i], now);
    for (struct definition_slot *slot = driver->hidden; slot != NULL; slot = slot->next)
        look(slot, now);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct driver *driver = arg;
    (void)fd;
    (void)what;
    driver->gate_armed = false;
    gate_look(driver, driver_now().mono);
}

void gate_arm(struct driver *driver)
{
    static const struct timeval soon = {.tv_usec = GATE_LOOK_US};
    if (!driver->gate_armed && driver->gate_timer != NULL)
        driver->gate_armed = evtimer_add(driver->gate_timer, &soon) == 0;
}

bool gate_init(struct driver *driver)
{
    driver->gate_timer = evtimer_new(driver->base, on_look, driver);
    return driver->gate_timer != NULL;
}

void gate_finish(struct driver *driver)
{
    if (driver->gate_timer != NULL)
        event_free(driver->gate_timer);
}
