/* pace.h: how fast a line of waiters moves, measured: what each place in it took those that came
 * to their turn of late. Pure: times come in. */
#ifndef DAEMON_PACE_H
#define DAEMON_PACE_H

#include <stdint.h>

#include <base/clock.h>

struct pace {
    uint64_t each_64; /* a place's time, on average; 64 times, in us */
};

/* One that was the place-th in line (from 1) has come to its turn. */
void pace_turn(struct pace *pace, uint32_t place, uint64_t waited_us);
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
