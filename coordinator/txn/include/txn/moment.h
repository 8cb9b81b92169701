/* txn/moment.h: what a timeline is made of. */
#ifndef TXN_MOMENT_H
#define TXN_MOMENT_H

#include <stdint.h>

/* One line of the timeline: what happened, when, since the transaction began. Journals keep these
 * numbers, and those of the enums in a detail (txn/timeline.c): new ones come last. */
enum txn_moment {
    TXN_MOMENT_BEGAN,
    TXN_MOMENT_ENLISTED,
    TXN_MOMENT_CLOSED,   /* the client said commit: the member list is closed */
    TXN_MOMENT_SENT,     /* detail: enum message_op */
    TXN_MOMENT_ANSWERED, /* detail: enum message_result; op in `op` */
    TXN_MOMENT_WRITING,  /* detail: enum txn_record_kind */
    TXN_MOMENT_DURABLE,  /* detail: enum txn_record_kind */
    TXN_MOMENT_REPLIED,
    TXN_MOMENT_PUBLISHED, /* Kafka has confirmed the outcome event */
    TXN_MOMENT_TIMEOUT,
    TXN_MOMENT_CANCELLED,
    TXN_MOMENT_RECOVERED, /* another incarnation of the coordinator took it up */
    TXN_MOMENT_PARKED,
    TXN_MOMENT_ENDED,
    TXN_MOMENT_SKIPPED,   /* the step's `when` was false */
    TXN_MOMENT_FELL_BACK, /* 2PC is given up for a saga; detail: enum txn_cause, branch: whose */
    TXN_MOMENT_TURNED,    /* a saga turns to compensation; detail: enum txn_cause, branch: whose */
    TXN_MOMENT_RESUMED,   /* an operator said: try again */
    TXN_MOMENT_RETRIED, /* what is parked is tried again by itself, after policy.parked_retry_us */
    TXN_MOMENT_RESTARTED, /* an attempt ended, and this one begins; detail: enum txn_cause
                             (CONFLICT, RESTARTED), branch: whose */
    TXN_MOMENT_IN_ORDER,  /* prepares go one after the other from here on */
    TXN_MOMENT_RESOLVED,  /* an operator's word counts; detail: enum txn_word */
    TXN_MOMENT_OVERRULED, /* or not: the branch had answered otherwise */
    TXN_MOMENT_FORGOTTEN, /* an operator said: it is not asked any more */
    TXN_MOMENT_DOUBTED,   /* the journal has lost what may have been decided: branches are asked */
    TXN_MOMENT_COUNT
};

struct txn_history_entry {
    uint64_t at_us;  /* since origin->began_at, on the host's monotonic clock */
    uint16_t branch; /* number; 0: the transaction */
    uint16_t attempt;
    uint8_t moment; /* enum txn_moment */
    uint8_t detail;
    uint16_t said; /* where moment is SENT, ANSWERED or ENLISTED; there are many of these entries,
                      so it is packed: result.said of an answer, enum message_vote (from bit
                      TXN_HISTORY_VOTE on), enum message_op (from TXN_HISTORY_OP on) */
};
#define TXN_HISTORY_VOTE 10
#define TXN_HISTORY_OP   13

/* Entries kept of one transaction, in memory that the host gives and moves to more of it; the first
 * half and the last half of a longer one, and a count of what was left out between them. */
#define TXN_HISTORY_MAX 96u
/* Of one step: a new leader tells each branch of two things at most, what an attempt before is owed
 * and what the present one does (the simulator looks whether that is true). */
#define TXN_STEP_MOMENTS_MAX(branches) (2u * (branches) + 8u)

#endif
