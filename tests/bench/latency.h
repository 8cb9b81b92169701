/* latency.h: how long each transaction took, and the line of JSON that says so. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* A histogram of microseconds with HdrHistogram's layout (its C version is in no package): values
 * below 256 have a bucket each, above that every power of two has 128. A value is told as the
 * middle of its bucket, so by at most 1/256 (0.4 %) wrong; what exceeds the longest counts as it.
 */
#define LATENCY_EXACT     256u
#define LATENCY_PER_POWER 128u
#define LATENCY_POWERS    24u /* up to 2^32 us, over an hour */
#define LATENCY_BUCKETS   (LATENCY_EXACT + LATENCY_PER_POWER * LATENCY_POWERS)

struct latencies {
    uint64_t count;
    uint64_t longest_us;
    uint32_t buckets[LATENCY_BUCKETS];
};

uint64_t now_us(void); /* monotonic */

void latencies_add(struct latencies *latencies, uint64_t us);
void latencies_merge(struct latencies *into, const struct latencies *from);
/* The latency that so many thousandths of them did not exceed; 0 where there are none. */
double latencies_per_mille(const struct latencies *latencies, uint64_t thousandths);

/* The longest time within the window in which nothing was completed. Any thread, but begin. */
void stall_begin(uint64_t from_us, uint64_t to_us);
void stall_completed(uint64_t at_us);

/* Says "begin" or "end" on standard output: who measures the processes beside this one reads their
 * counters then. */
void window_say(const char *word);

struct run_figures {
    uint64_t total;          /* completed in all, with warm-up and the last ones behind the end */
    uint64_t wrong;          /* answers that are not what was asked for */
    uint64_t aborted;        /* answers that say so, where that is no wrong one */
    uint64_t refused;        /* answers that say "nothing was done, later", where that is none */
    uint64_t refused_within; /* of them, within the window */
    uint64_t lost;           /* requests without an answer */
    uint64_t unsent;         /* arrivals (open loop) that no connection was free for */
    uint64_t window_us;      /* what was measured */
    const char *first_wrong; /* NULL: none */
};
/* One line on standard output. */
void figures_print(const struct latencies *latencies, const struct run_figures *figures);

#endif
