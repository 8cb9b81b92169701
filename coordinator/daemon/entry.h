/* entry.h: one open transaction: struct entry. */
#ifndef DAEMON_ENTRY_H
#define DAEMON_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <event2/event_struct.h>
#include <net/slots.h>
#include <troth/span.h>
#include <txn/txn.h>

#include "admission.h"
#include "again.h"
#include "arena.h"
#include "state.h"

struct definition_slot;
struct owner;
struct participant;
struct waiter;

/* A participant's words about a branch come again and again; buffers take turns, so that one that
 * the core still shows is never overwritten: those on the branch, on its abort of the attempt
 * before and on the fallback, and one for what comes in. */
#define ENTRY_REASONS 4u

struct entry_branch {
    struct mono prepare_at;          /* when its last prepare was sent */
    struct participant *participant; /* held: it stays as long as this does; NULL: not registered */
    struct slots_pool *place_at;     /* where a place is held; NULL: nowhere … */
    bool has_slot;                   /* … and a slot: until its phase 1 is over */
    uint32_t input_bytes;            /* of the input that its action was sent with last */
    char *reasons[ENTRY_REASONS];
    char *output; /* what the branch's output points to, when its participant gave it */
    size_t output_len;
};

/* Where a transaction that prepares in order is (gate.c). */
enum gate_place { GATE_OUTSIDE, GATE_BEFORE, GATE_INSIDE, GATE_ASIDE };

struct entry {
    struct driver *driver;
    struct txn txn;
    struct txn_origin origin;
    struct arena arena;
    struct definition_slot *definition; /* NULL: interactive */
    struct owner *caller;               /* NULL: not known (it began before a restart) */
    struct seat seat;
    struct txn_branch *branches;
    struct entry_branch *extra; /* one a branch */
    uint32_t branches_cap;
    void *grown_piece; /* they and what belongs to each, where more enlisted; NULL: made with it */
    struct txn_history_entry *history_first;
    struct txn_history_entry *grown_history; /* NULL: the first still does */
    size_t own_bytes;                        /* of the entry and of these */
    struct slots_waiter slots;
    struct slots_pool **wanted; /* of slots; one a branch */
    uint32_t *wanted_branch;    /* which branch wanted[i] is for */
    struct waiter *waiters;
    struct watcher_list watchers;
    struct event timer;
    struct mono timer_at; /* 0: not armed */
    struct entry *gtid_next, *key_next;
    struct entry *older, *newer; /* of the same shard, by (epoch, counter) */
    struct entry *dead_next;
    struct entry *gate_next, *gate_prev;
    struct again_own again; /* commands that wait for their turn */
    enum gate_place place;
    struct mono waits_since; /* of those before it */
    struct mono inside_since;
    uint32_t writes;                   /* records without a verdict */
    struct mono forced_at;             /* one of them, for which it waits; 0: none */
    bool accepted, decided, completed; /* the core said that clients may be told so */
    bool is_probe;                     /* of what its definition has learnt (order.c) */
    bool looking_up;                   /* its idempotency key is being looked for; not begun */
    bool unloaded;                     /* what the journal has of it cannot be driven: no steps */
    bool damaged;                      /* and not even be read */
    char *trouble;                     /* why it cannot go on by itself: shown, and it is parked */
    bool ended;
    struct wall ended_at; /* as its END record says */
    bool dead;            /* on the list of those to be freed at the turn's end */
    struct record_outbox_row *rows[TXN_OUTCOME_COUNT]; /* made, by outcome; in the arena */
    struct buffer recovered_texts;                     /* the core's, after recovery */
    size_t outputs_bytes;                              /* of what its participants answered */
    size_t counted;                                    /* in the driver's open_bytes */
};

/* In no table, without a seat; its timer calls the driver's hook. NULL: no memory. */
struct entry *entry_create(struct driver *driver, uint32_t branches_cap);
void entry_free(struct entry *entry); /* its memory alone */
/* Room for more branches of an interactive one that is open. false: no memory. */
bool entry_grow(struct entry *entry);
/* Room for the moments of the next step. */
void entry_make_history(struct entry *entry);
/* The branch's place, and its slot if it has one. */
void entry_release(struct entry *entry, uint32_t index);
/* Asks for the slots in `slots`: its gate let it in. */
void entry_reserve(struct entry *entry);
/* A copy that lives until words that the core does not show need its room; cut to
 * MESSAGE_REASON_MAX. Absent without memory. */
struct troth_span entry_keep_reason(struct entry *entry, uint32_t index, struct troth_span reason);
/* Of the branch of that number; -1: there is none. */
int64_t entry_branch_index(const struct entry *entry, uint32_t number);

#endif
