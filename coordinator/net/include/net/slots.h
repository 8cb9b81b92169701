/* net/slots.h: who may prepare at which participants, and when nobody should try.
 *
 * A participant has slots (commands of phase 1 at a time: its sessions) and places (branches from
 * their grant to the end of phase 2's first try: what it can keep prepared). A transaction gets one
 * of each at every one of its participants before its first prepare, all or none. The slot ends
 * with the branch's phase 1, the place with the decision to abort or with the first answer to the
 * commit, whatever that is: nothing is held for ever, whoever is dead.
 *
 * Pure: no I/O, time is given in. Single-threaded. */
#ifndef NET_SLOTS_H
#define NET_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>

/* A participant of which nothing but failures is heard. Phase 2, executes and compensations do not
 * ask for it: they go out, and any answer to them closes the breaker; so does the answer to a
 * probe, which the channel sends while it is open. */
enum breaker_state {
    BREAKER_CLOSED,
    BREAKER_WARY, /* the last request failed: one transaction in BREAKER_TRY_US may try, the others
                     wait */
    BREAKER_OPEN  /* nothing was heard for BREAKER_OPEN_US: who would prepare there is refused */
};

#define BREAKER_FAILURES_MIN 3u
#define BREAKER_OPEN_US      UINT64_C(1000000)
#define BREAKER_TRY_US       UINT64_C(50000)

/* Of one participant. `slots` and `places` are set by its owner. */
struct slots_pool {
    uint32_t slots;
    uint32_t places;
    uint32_t used; /* slots */
    uint32_t held; /* places */
    enum breaker_state breaker;
    /* The module's own, from here on. */
    uint32_t wanted;      /* by waiters, counted once for each of their pools */
    uint32_t claimed;     /* in this round, by waiters that lack another pool */
    uint64_t round;       /* the last that looked at it */
    uint64_t since_us;    /* who lacks it, in this round, and waits longest began to wait then */
    bool in_line;         /* somebody before lacks it, in this round … */
    bool bars, barred;    /* … and nobody behind gets what is left of it */
    bool full;            /* counted as full, in this round */
    uint64_t moved_us;    /* something was given back */
    bool was_in_line;     /* in the round before this one */
    uint64_t granted_us;  /* the last grant, or the round in which the line began */
    uint64_t interval_64; /* between two grants while somebody waits, on average; 64 times, in us */
    uint32_t failures;    /* since something was heard */
    uint64_t failing_since_us, try_at_us;
};

/* Something was heard of the participant, whatever it said. */
void breaker_heard(struct slots_pool *pool);
/* A request ended without anything heard. true: the breaker opens with it. */
bool breaker_failed(struct slots_pool *pool, uint64_t now_us);

struct slots;
struct slots_waiter {
    struct slots_waiter *next, *prev; /* the module's own */
    struct slots_pool *const *pools;  /* host memory, alive until granted, refused or cancelled */
    uint32_t count;
    /* Never from inside: out of slots_run(). */
    void (*granted)(struct slots_waiter *waiter);
    /* Nothing was taken; `at` is the index of a pool whose breaker is open. */
    void (*refused)(struct slots_waiter *waiter, uint32_t at);
    bool waiting;
    /* The module's own, from here on. */
    bool taken;          /* decided, and about to be told */
    uint32_t refused_at; /* the index, + 1; 0: granted */
    uint64_t since_us, patience_us, learnt_us;
};

TROTH_MUST_CHECK int slots_create(struct slots **ret_slots);
void slots_destroy(struct slots *slots);
/* A pool that occurs twice is needed twice; who needs more than it has at all is granted when
 * nobody else holds any. */
void slots_reserve(struct slots *slots, struct slots_waiter *waiter, uint64_t now_us);
void slots_cancel(struct slots *slots, struct slots_waiter *waiter); /* only while waiting */
/* Phase 1 of one branch is over: its slot is given back, its place is not. */
void slots_end_phase1(struct slots_pool *pool, uint64_t now_us);
/* Its place; `with_slot`: and its slot, which it still has. */
void slots_release(struct slots_pool *pool, bool with_slot, uint64_t now_us);
/* How long one more would wait for this pool: as long as who waits longest has waited, as the last
 * slots_run() found it, or as many times as there are waiters what lies between two grants; the
 * longer of both. 0: nobody waits. */
uint64_t slots_wait_us(const struct slots *slots, const struct slots_pool *pool, uint64_t now_us);
/* Grants and refuses what can be; call in the turn after all else. When it is to be called again
 * though nothing happens; 0: no such time. */
uint64_t slots_run(struct slots *slots, uint64_t now_us);

#endif
