/* counting.h: what is counted of transactions. */
#ifndef DAEMON_COUNTING_H
#define DAEMON_COUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include <base/clock.h>
#include <txn/txn.h>

/* Why a client's transaction, or a branch that would enlist, was refused with 503. */
enum refusal {
    REFUSAL_STOPPING,
    REFUSAL_SEATS,
    REFUSAL_LINE,
    REFUSAL_BYTES,
    REFUSAL_OUTBOX,
    REFUSAL_JOURNAL_QUEUE,
    REFUSAL_JOURNAL_UNWRITABLE,
    REFUSAL_COUNT
};

/* Counted since the process started (metrics.c). */
struct metrics {
    struct wall started_at;
    uint64_t transactions[TXN_MODE_COUNT][TXN_OUTCOME_COUNT];
    uint64_t mixed;
    uint64_t fallbacks[TXN_CAUSE_COUNT];
    uint64_t compensations, parked_steps, resumed_steps;
    uint64_t resolved_steps[TXN_WORD_COUNT], forgotten_steps; /* by an operator */
    uint64_t attempts_parallel, attempts_ordered; /* of two-phase commit, whose prepares began */
    uint64_t refused[REFUSAL_COUNT];
};

/* How a transaction stood before a step. */
struct metrics_mark {
    enum txn_state state;
    enum txn_outcome outcome;
    uint64_t compensated, parked, owed_parked, worded, forgotten; /* branches */
    uint32_t attempt, conflicts;
};

/* Before a step. */
struct metrics_mark metrics_mark(const struct txn *txn);
/* After each step: counts what is new since `before`. */
void metrics_count(struct metrics *metrics, const struct txn *txn,
                   const struct metrics_mark *before, enum txn_event_kind event);
/* A fallback counts when the write that ends the attempt is durable. */
bool metrics_fell_back(const struct txn *txn, const struct metrics_mark *before);
/* A branch may be prepared, or have acted for all, and has not acknowledged what was decided. */
bool metrics_in_doubt(const struct txn *txn);
/* Something of it waits for an operator. */
bool metrics_is_parked(const struct txn *txn);

#endif
