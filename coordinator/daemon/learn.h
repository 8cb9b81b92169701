/* learn.h: how the transactions of one definition prepare in their first attempt, learnt from how
 * often they meet others over the same rows. Pure: the time comes in. Behind a conflict a
 * transaction always prepares in order; what is learnt here spares it the first attempt.
 *
 *   PARALLEL   prepares go side by side. Where conflicts of a window are many enough and are more
 *              than LEARN_CONFLICTS_THOUSANDTHS of what began in it: ORDERED
 *   ORDERED    for a term; then, where prepares do not wait long for each other, PROBING; else for
 *              twice the term
 *   PROBING    one transaction at a time goes in parallel: LEARN_PROBES_GOOD of them without a
 *              conflict, and it is PARALLEL again; one with, and it is ORDERED for twice the term.
 *              All others go in order, for one parallel prepare among many in order costs them its
 *              whole wait for a lock
 *
 * While they go in order two more things are learnt from how long each prepare takes, beside the
 * shortest there was:
 *
 *   limit       how many go at a time. Behind that they wait here (gate.c), in their order, and not
 * in the database, where a row that many wait for gets slower with each of them last_steps  where
 * one participant's prepares wait, and the others' do not, its rows are hot and theirs are not: it
 * prepares last, so that its rows are held no longer than they must be. That is tried: two hot
 * sides look the same, for who is first in the order keeps all waiters to itself. Where the wait
 * goes over to the new first one it is undone. An order changes when nobody of the old one is under
 * way any more (order_version) */
#ifndef DAEMON_LEARN_H
#define DAEMON_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include <protocol/clock.h>
#include <troth/id.h>

#define LEARN_WINDOW_US             1000000u
#define LEARN_CONFLICTS_MIN         4u  /* of a window: less is chance */
#define LEARN_CONFLICTS_THOUSANDTHS 50u /* of those that began in it */
#define LEARN_TERM_US               5000000u
#define LEARN_TERM_MAX_US           UINT64_C(300000000)
#define LEARN_PROBES_GOOD           4u
#define LEARN_PROBE_EVERY_US        250000u /* not before: four good ones are a second */
/* How much longer than the shortest prepares take, the slowest step's on average. */
#define LEARN_CALM_THOUSANDTHS  4000u /* below: it may probe, and more may go at a time */
#define LEARN_TIGHT_THOUSANDTHS 6000u /* above: fewer */
#define LEARN_LIMIT_START       8u
#define LEARN_LIMIT_MIN         2u /* one works while the other waits for its row */
#define LEARN_LIMIT_MAX         10000u
#define LEARN_LIMIT_VOTES       16u       /* at least so many between two changes of the limit */
#define LEARN_TRIAL_VOTES       128u      /* between two looks at the order */
#define LEARN_TRIAL_WAITS       4u        /* so many times the others' wait: tried last */
#define LEARN_TRIAL_AGAIN_US    60000000u /* after one that was undone */

enum learn_mode { LEARN_PARALLEL, LEARN_ORDERED, LEARN_PROBING };

/* What does not change: which steps are where. Bit i for step i. */
struct learn_steps {
    uint32_t count;
    uint64_t beside[TROTH_BRANCHES_MAX]; /* the steps of the same participant */
    uint64_t last_by_name;               /* those of the participant that is last by name */
};

struct learn {
    enum learn_mode mode;
    bool said;             /* the definition says "ordered": for good, and by name */
    struct mono window_at; /* when the window began */
    uint32_t begun, conflicts;
    uint64_t term_us;
    struct mono term_at; /* ORDERED: when its term ends; PROBING: when the next probe may go */
    bool probing;        /* a probe is under way */
    uint32_t probes_good;
    uint64_t base_us;                     /* of the shortest prepares in order */
    uint64_t took_us[TROTH_BRANCHES_MAX]; /* average of late, of each step; 0: none yet */
    uint32_t limit, limit_votes;
    uint64_t last_steps; /* 0: by name */
    uint32_t order_version, order_votes;
    bool order_tried; /* last_steps is a trial, not looked at yet */
    struct mono order_again_at;
    uint64_t conflicts_total, parallel_total,
        ordered_total; /* first attempts, and those that met one */
};

/* How a first attempt goes. */
struct learn_way {
    bool ordered;
    bool is_probe; /* tell learn_probe_ended() of it */
};

/* One begins. */
struct learn_way learn_begin(struct learn *learn, struct mono now);
/* Its definition says how. */
void learn_said(struct learn *learn, bool ordered);
/* A first attempt in parallel met a conflict. */
void learn_conflict(struct learn *learn, struct mono now);
/* The probe's first attempt is over: all votes are there, or something else ended it (neither). */
enum learn_probe { LEARN_PROBE_NEITHER, LEARN_PROBE_GOOD, LEARN_PROBE_CONFLICT };
void learn_probe_ended(struct learn *learn, enum learn_probe probe, struct mono now);
/* A prepare in order was answered with a vote, so long after it was sent. `full`: others waited to
 * be let in meanwhile. */
void learn_vote(struct learn *learn, const struct learn_steps *steps, uint32_t step,
                uint64_t took_us, bool full, struct mono now);

#endif
