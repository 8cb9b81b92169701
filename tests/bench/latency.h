/* latency.h: how long each transaction took, and the line of JSON that says so. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latencies {
    uint32_t *us;
    size_t count;
    size_t cap;
};

uint64_t now_us(void); /* monotonic */

void latencies_add(struct latencies *latencies, uint64_t us);
void latencies_merge(struct latencies *into, const struct latencies *from);
void latencies_finish(struct latencies *latencies);

/* The longest time within the window in which nothing was completed. Any thread, but begin. */
void stall_begin(uint64_t from_us, uint64_t to_us);
void stall_completed(uint64_t at_us);

struct run_figures {
    uint64_t total;          /* completed in all, with warm-up and the last ones behind the end */
    uint64_t wrong;          /* answers that were no committed transaction */
    uint64_t aborted;        /* answers that say so, where that is no wrong one */
    uint64_t lost;           /* requests without an answer */
    uint64_t window_us;      /* what was measured */
    const char *first_wrong; /* NULL: none */
};
/* Sorts. One line on standard output. */
void figures_print(struct latencies *latencies, const struct run_figures *figures);

#endif
