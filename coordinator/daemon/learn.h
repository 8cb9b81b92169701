/* learn.h: how the transactions of one definition prepare in their first attempt, learnt from how
 * often they meet others over the same rows. Pure: the time comes in. Behind a conflict a
 * transaction always prepares in order; what is learnt here spares it the first attempt.
 *
 *   PARALLEL   prepares go side by side. Where conflicts of a window are many enough and are more
 *              than LEARN_CONFLICTS_THOUSANDTHS of what began in it: ORDERED
 *   ORDERED    for a term, then PROBING
 *   PROBING    one transaction at a time goes in parallel: LEARN_PROBES_GOOD of them without a
 *              conflict, and it is PARALLEL again; one with, and it is ORDERED for twice the term.
 *              All others go in order, for one parallel prepare among many in order costs them its
 *              whole wait for a lock
 *
 * While they go in order three more things are learnt:
 *
 *   in_turn     whether they go one at a time, but each with its prepares side by side: the next is
 * let in when all votes of the one before are there. Who is let in waits for nobody but those that
 * have all their locks, so there is no circle, and rows are held for three flushes in a row in
 * place of four or more. Where all want the same rows that is faster, where they want different
 * ones it is not: both are tried, and the faster stays. Only where no other definition that goes in
 * order is over the same participants limit       how many go at a time: as many as get most done,
 * found by trying more and fewer. The others wait here (gate.c), in their order, and not in the
 * database, where a row that many wait for is handed on slower with each of them
 *
 *   last_steps  where one participant's prepares wait, and the others' do not, its rows are hot and
 * theirs are not: it prepares last, so that its rows are held no longer than they must be. That is
 * tried: two hot sides look the same, for who is
 * first in the order keeps all waiters to itself. Where the wait goes over to the new first one it
 * is undone, and where another definition over the same participants goes in order, too. An order
 * changes when nobody of the old one is under way any more (order_version)
 */
#ifndef DAEMON_LEARN_H
#define DAEMON_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include <base/clock.h>
#include <troth/id.h>

#define LEARN_WINDOW_US             1000000u
#define LEARN_CONFLICTS_MIN         4u  /* of a window: less is chance */
#define LEARN_CONFLICTS_THOUSANDTHS 50u /* of those that began in it */
#define LEARN_TERM_US               5000000u
#define LEARN_TERM_MAX_US           UINT64_C(300000000)
#define LEARN_PROBES_GOOD           4u
#define LEARN_PROBE_EVERY_US        250000u /* not before: four good ones are a second */
#define LEARN_LIMIT_START           8u
#define LEARN_LIMIT_MIN             2u /* one works while the other waits for its row */
#define LEARN_LIMIT_MAX             10000u
#define LEARN_EPOCH_MIN             48u   /* transactions, between two looks at how fast they go */
#define LEARN_EPOCHS_STAY           6u    /* before the next trial of another limit */
#define LEARN_CLIMB_THOUSANDTHS     1100u /* at first: faster with twice as many, and again */
#define LEARN_MORE_THOUSANDTHS      1050u /* later: faster, and it stays with more */
#define LEARN_FEWER_THOUSANDTHS     980u  /* no slower than that, and it stays with fewer */
#define LEARN_TURN_THOUSANDTHS      970u  /* in turn: no slower than that, and it stays so */
#define LEARN_WAY_STAY              6u    /* epochs before the first trial of the other way … */
#define LEARN_WAY_STAY_MAX          24u   /* … and twice as many behind each one in vain */
#define LEARN_TRIAL_VOTES           128u  /* between two looks at the order */
#define LEARN_TRIAL_WAITS           4u    /* so many times the others' wait: tried last */
#define LEARN_TRIAL_AGAIN_US        60000000u /* after one that was undone */

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
    struct mono term_at;     /* ORDERED: when its term ends; PROBING: when the next probe may go */
    struct mono parallel_at; /* when it became so again; 0: not yet */
    bool probing;            /* a probe is under way */
    uint32_t probes_good;
    uint64_t base_us;                     /* of the shortest prepares in order */
    uint64_t took_us[TROTH_BRANCHES_MAX]; /* average of late, of each step; 0: none yet */
    uint32_t limit;                       /* now; where it is not `home` a trial */
    uint32_t home;
    uint64_t home_rate; /* of an hour; 0: not known */
    bool climbing;      /* the first trials: twice as many each time */
    bool fewer_next;
    uint32_t epochs;         /* at home since the last trial */
    uint32_t settling, left; /* transactions: not counted; counted in this epoch */
    bool epoch_full;         /* others waited all the time */
    struct mono epoch_at;
    bool in_turn;            /* now; where it is not `turn_home` a trial */
    bool turn_home, crossed; /* crossed: another definition goes in order there, too */
    uint64_t turn_rate;      /* of an hour; 0: not known */
    uint32_t way_epochs, way_stay;
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
/* A prepare in order was answered with a vote, so long after it was sent. true: it is time for
 * learn_order(). */
bool learn_vote(struct learn *learn, uint32_t step, uint64_t took_us);
/* `alone`: no other definition that goes in order has two participants in common with this one. Two
 * orders over the same rows are circles again. */
void learn_order(struct learn *learn, const struct learn_steps *steps, bool alone, struct mono now);
/* One that prepared in order is through. `full`: others wait to be let in. */
void learn_left(struct learn *learn, bool full, struct mono now);

#endif
