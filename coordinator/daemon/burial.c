/* burial.c: a transaction leaves the memory, and gives back all that it holds elsewhere. */
#include "burial.h"

#include <assert.h>
#include <stdlib.h>

#include <base/buffer.h>
#include <event2/event.h>
#include <net/slots.h>

#include "arena.h"
#include "definitions.h"
#include "entry.h"
#include "gate.h"
#include "owners.h"
#include "participants.h"
#include "room.h"
#include "seats.h"
#include "state.h"
#include "table.h"
#include "trouble.h"
#include "watch.h"

static void give_slots_back(struct entry *entry)
{
    struct driver *driver = entry->driver;
    gate_leave(entry);
    if (entry->slots.waiting)
        slots_cancel(driver->slots, &entry->slots);
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        entry_release(entry, i);
}

void entry_destroy(struct entry *entry)
{
    assert(entry->waiters == NULL);
    (void)event_del(&entry->timer);
    again_forget(&entry->driver->again, &entry->again);
    room_leave(entry);
    give_slots_back(entry);
    seats_leave(entry);
    participants_let_go(entry);
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        for (uint32_t which = 0; which < ENTRY_REASONS; which++)
            free(entry->extra[i].reasons[which]);
        free(entry->extra[i].output);
    }
    registry_let_go(entry->definition);
    owners_put(&entry->driver->callers, entry->caller);
    trouble_clear(entry);
    buffer_finish(&entry->recovered_texts);
    entry_free(entry);
}

void entry_bury(struct driver *driver, struct entry *entry)
{
    if (entry->dead)
        return;
    entry->dead = true;
    again_forget(&entry->driver->again, &entry->again);
    watch_buried(entry);
    entry_remove(driver, entry);
    seats_leave(entry);
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
