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

/* Moments that a transaction of a few branches has room for from its beginning. */
#define HISTORY_FIRST 28u

/* What an entry has for each branch, one array behind the other. */
static size_t piece_bytes(uint32_t cap)
{
    return cap * (sizeof(struct txn_branch) + sizeof(struct entry_branch) +
                  sizeof(struct slots_pool *) + sizeof(struct share *) + sizeof(uint32_t));
}

static void piece_use(struct entry *entry, void *piece, uint32_t cap)
{
    entry->branches = piece;
    entry->extra = (void *)(entry->branches + cap);
    entry->wanted = (void *)(entry->extra + cap);
    entry->seat.participants = (void *)(entry->wanted + cap);
    entry->wanted_branch = (void *)(entry->seat.participants + cap);
    entry->branches_cap = cap;
}

/* The entry, its branches and the beginning of its timeline are one allocation. */
struct entry *entry_create(struct driver *driver, uint32_t branches_cap)
{
    const size_t head = sizeof(struct entry), piece = piece_bytes(branches_cap);
    const size_t history = HISTORY_FIRST * sizeof(struct txn_history_entry);
    struct entry *entry = malloc(head + history + piece);
    if (entry == NULL)
        return NULL;
    memset(entry, 0, head);
    entry->driver = driver;
    entry->history_first = (void *)(entry + 1);
    memset(entry->history_first + HISTORY_FIRST, 0, piece);
    piece_use(entry, entry->history_first + HISTORY_FIRST, branches_cap);
    entry->own_bytes = head + history + piece;
    if (event_assign(&entry->timer, driver->base, -1, 0, on_timer, entry) != 0) {
        free(entry);
        return NULL;
    }
    return entry;
}

void entry_free(struct entry *entry)
{
    free(entry->grown_piece);
    free(entry->grown_history);
    arena_finish(&entry->arena);
    free(entry);
}

bool entry_grow(struct entry *entry)
{
    uint32_t cap = 2 * entry->branches_cap;
    cap = cap < TROTH_BRANCHES_MAX ? cap : TROTH_BRANCHES_MAX;
    void *piece = calloc(1, piece_bytes(cap));
    if (piece == NULL)
        return false;
    assert(entry->origin.interactive && !entry->slots.waiting && cap > entry->txn.branches_count);
    const struct entry_branch *extra = entry->extra;
    const uint32_t count = entry->branches_cap;
    entry->own_bytes += piece_bytes(cap);
    entry->own_bytes -= entry->grown_piece != NULL ? piece_bytes(count) : 0;
    piece_use(entry, piece, cap);
    memcpy(entry->extra, extra, count * sizeof *extra);
    txn_branches_move(&entry->txn, entry->branches, cap);
    free(entry->grown_piece);
    entry->grown_piece = piece;
    return true;
}

/* Without memory the timeline says how many moments were left out. */
void entry_make_history(struct entry *entry)
{
    struct txn *txn = &entry->txn;
    if (!txn_history_wants(txn))
        return;
    if (txn->history == NULL) {
        txn_history_move(txn, entry->history_first, HISTORY_FIRST);
        if (!txn_history_wants(txn))
            return;
    }
    uint32_t cap = 2 * txn->history_cap < TXN_HISTORY_MAX ? 2 * txn->history_cap : TXN_HISTORY_MAX;
    struct txn_history_entry *grown = malloc(cap * sizeof *grown);
    if (grown == NULL)
        return;
    entry->own_bytes += cap * sizeof *grown;
    entry->own_bytes -= entry->grown_history != NULL ? txn->history_cap * sizeof *grown : 0;
    txn_history_move(txn, grown, cap);
    free(entry->grown_history);
    entry->grown_history = grown;
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
