/* pace.h: how fast a line of waiters moves, measured: what lies between two that come to their turn
 * while others wait. Pure: times come in. */
#ifndef DAEMON_PACE_H
#define DAEMON_PACE_H

#include <stdint.h>

#include <base/clock.h>

struct pace {
    uint64_t each_64; /* between two turns, on average; 64 times, in us */
    struct mono at;   /* the last turn, or when the line began */
};

/* The first begins to wait. */
void pace_begin(struct pace *pace, struct mono now);
/* One of the line has come to its turn. */
void pace_turn(struct pace *pace, struct mono now);
/* How long one more would wait behind so many, of which the first has waited so long already: a
 * line that has stopped looks no faster than it is. 0: nobody waits. */
uint64_t pace_wait_us(const struct pace *pace, uint32_t before, uint64_t first_us);

/* Whether what takes longer than it should does so all the time: once is a hiccup, which is over
 * by itself. */
struct late {
    struct mono since, at; /* 0: it is not */
    uint64_t took_us;      /* the last time */
};

/* Something took so long; `most_us` is what it may take. */
void late_note(struct late *late, uint64_t took_us, uint64_t most_us, struct mono now);
/* How long it takes now, when for as long as `most_us` everything was late, and something just
 * now; else 0. */
uint64_t late_us(const struct late *late, uint64_t most_us, struct mono now);

#endif
