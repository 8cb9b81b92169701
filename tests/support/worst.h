/* worst.h: what the worst that a text can hold costs, at the limits of what is taken.
 *
 * Measured is the time that this thread computes, the least of some runs: others on the machine do
 * not count. Twice the text may cost about twice the time, and none costs more than the bound.
 * TROTH_SHOW=1 prints what was measured. */
#ifndef SUPPORT_WORST_H
#define SUPPORT_WORST_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <base/buffer.h>

/* Of an optimised build on a machine of 2020 the slowest case takes a tenth of it; the room is for
 * builds with sanitizers and slow machines. What was quadratic took seconds. */
#define WORST_BOUND_US 250000u
#define WORST_RUNS     4
/* Caches that others fill and pages that are new make one time differ from the next by so much. */
#define WORST_NOISE_US 50000u

static inline uint64_t worst_cpu_us(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The least time of some runs; what is quick is run once. */
static inline uint64_t worst_measure(void (*run)(void *arg), void *arg)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < WORST_RUNS && least > WORST_BOUND_US / 100; i++) {
        uint64_t began = worst_cpu_us();
        run(arg);
        uint64_t took = worst_cpu_us() - began;
        least = took < least ? took : least;
    }
    return least;
}

static inline void worst_judge(const char *name, uint64_t half_us, uint64_t whole_us)
{
    if (getenv("TROTH_SHOW") != NULL)
        printf("%-34s half %6llu us, whole %6llu us\n", name, (unsigned long long)half_us,
               (unsigned long long)whole_us);
    ck_assert_msg(whole_us < WORST_BOUND_US, "%s: %llu us", name, (unsigned long long)whole_us);
    ck_assert_msg(whole_us < 3 * half_us + WORST_NOISE_US, "%s: %llu us, and half of it %llu us",
                  name, (unsigned long long)whole_us, (unsigned long long)half_us);
}

/* ' stands for ". */
static inline void worst_add(struct buffer *text, const char *quoted)
{
    for (; *quoted != '\0'; quoted++)
        buffer_append_char(text, *quoted == '\'' ? '"' : *quoted);
}

static inline void worst_add_times(struct buffer *text, const char *quoted, size_t times)
{
    for (size_t i = 0; i < times; i++)
        worst_add(text, quoted);
}

/* PREFIX0 … SUFFIX, PREFIX1 … SUFFIX, …, until the text has so many bytes. Returns how many. */
static inline size_t worst_add_list(struct buffer *text, const char *prefix, const char *suffix,
                                    size_t bytes)
{
    size_t count = 0;
    for (; text->len < bytes; count++) {
        worst_add(text, count == 0 ? "" : ",");
        worst_add(text, prefix);
        buffer_append_uint(text, count + 100000);
        worst_add(text, suffix);
    }
    return count;
}

#endif
