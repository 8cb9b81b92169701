/* entry.c: one open transaction: its memory, its timer, its branches, the words of its
 * participants. */
#include "entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>
#include <event2/event.h>
#include <net/slots.h>

#include "admission.h"
#include "arena.h"
#include "clock.h"
#include "state.h"

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct entry *entry = arg;
    (void)fd;
    (void)what;
    entry->timer_at.us = 0;
    entry->driver->hooks.timer(entry);
}

struct entry *entry_create(struct driver *driver, uint32_t branches_cap)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
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

int64_t entry_branch_index(const struct entry *entry, uint32_t number)
{
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        if (entry->branches[i].number == number)
            return i;
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
    if (reason.data == NULL)
        return reason;
    struct entry_branch *extra = &entry->extra[index];
    uint32_t which = 0;
    while (which + 1 < ENTRY_REASONS && reason_is_shown(entry, index, extra->reasons[which]))
        which++;
    if (extra->reasons[which] == NULL)
        extra->reasons[which] = malloc(MESSAGE_REASON_MAX);
    if (extra->reasons[which] == NULL)
        return (struct troth_span){NULL, 0};
    size_t len = reason.len < MESSAGE_REASON_MAX ? reason.len : MESSAGE_REASON_MAX;
    memcpy(extra->reasons[which], reason.data, len);
    return (struct troth_span){extra->reasons[which], len};
}

void entry_reserve(struct entry *entry)
{
    slots_reserve(entry->driver->slots, &entry->slots, driver_now().mono.us);
}
