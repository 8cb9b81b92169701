/* learn.h: how the transactions of one definition prepare in their first attempt, learnt from how
 * often they meet others over the same rows. Pure: the time comes in. Behind a conflict a
 * transaction always prepares in order; what is learnt here only spares it the first attempt.
 *
 *   PARALLEL   prepares go side by side. Where conflicts of a window are many enough and are more
 *              than LEARN_CONFLICTS_THOUSANDTHS of what began in it: ORDERED
 *   ORDERED    for a term, then PROBING
 *   PROBING    one transaction at a time goes in parallel: LEARN_PROBES_GOOD of them without a
 *              conflict, and it is PARALLEL again; one with, and it is ORDERED for twice the term.
 *              All others go in order, for one parallel prepare among many in order costs them its
 *              whole wait for a lock
 *
 * Where nearly all conflicts were at one participant, its rows are hot and the others' are not: it
 * prepares last, so that its rows are held no longer than they must be. */
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
#define LEARN_LAST_THOUSANDTHS      800u /* of the conflicts at one participant: it prepares last */

enum learn_mode { LEARN_PARALLEL, LEARN_ORDERED, LEARN_PROBING };

struct learn {
    enum learn_mode mode;
    struct mono window_at; /* when the window began */
    uint32_t begun, conflicts;
    uint32_t at_step[TROTH_BRANCHES_MAX]; /* of those conflicts */
    uint64_t last_steps; /* bit i: step i is at the participant that prepares last */
    uint64_t term_us;
    struct mono term_at; /* ORDERED: when its term ends; PROBING: when the next probe may go */
    bool probing;        /* a probe is under way */
    uint32_t probes_good;
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
/* Its definition says how: only counted. */
void learn_count(struct learn *learn, bool ordered);
/* A first attempt in parallel met a conflict at `step`; `same[i]`: bit j, steps i and j have one
 * participant. */
void learn_conflict(struct learn *learn, uint32_t step, const uint64_t *same, uint32_t steps,
                    struct mono now);
/* The probe's first attempt is over: all votes are there, or something else ended it (neither). */
enum learn_probe { LEARN_PROBE_NEITHER, LEARN_PROBE_GOOD, LEARN_PROBE_CONFLICT };
void learn_probe_ended(struct learn *learn, enum learn_probe probe, struct mono now);

#endif
