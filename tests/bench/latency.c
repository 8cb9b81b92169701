/* latency.c: keeps every latency, sorts them at the end and reads the percentiles off. */
#include "latency.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

uint64_t now_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static void room(struct latencies *latencies, size_t more)
{
    size_t cap = latencies->cap == 0 ? 65536 : latencies->cap;
    while (cap < latencies->count + more)
        cap *= 2;
    if (cap == latencies->cap)
        return;
    uint32_t *grown = realloc(latencies->us, cap * sizeof *grown);
    if (grown == NULL) {
        (void)fputs("bench: out of memory\n", stderr);
        exit(1);
    }
    latencies->us = grown;
    latencies->cap = cap;
}

void latencies_add(struct latencies *latencies, uint64_t us)
{
    room(latencies, 1);
    latencies->us[latencies->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void latencies_merge(struct latencies *into, const struct latencies *from)
{
    if (from->count == 0)
        return;
    room(into, from->count);
    memcpy(into->us + into->count, from->us, from->count * sizeof *from->us);
    into->count += from->count;
}

void latencies_finish(struct latencies *latencies)
{
    free(latencies->us);
    *latencies = (struct latencies){0};
}

/* --- stalls ----------------------------------------------------------------------------------- */

static uint64_t stall_from_us, stall_to_us;
static atomic_uint_fast64_t stall_last_us, stall_longest_us;

void stall_begin(uint64_t from_us, uint64_t to_us)
{
    stall_from_us = from_us;
    stall_to_us = to_us;
    atomic_store(&stall_last_us, from_us);
}

void stall_completed(uint64_t at_us)
{
    if (at_us < stall_from_us)
        return;
    if (at_us > stall_to_us)
        at_us = stall_to_us;
    uint_fast64_t last_us = atomic_exchange(&stall_last_us, at_us);
    if (last_us >= at_us) /* another thread was faster to say so */
        return;
    uint_fast64_t longest_us = atomic_load(&stall_longest_us);
    while (at_us - last_us > longest_us &&
           !atomic_compare_exchange_weak(&stall_longest_us, &longest_us, at_us - last_us))
        ;
}

/* --- figures ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The smallest latency that so many thousandths of the transactions did not exceed. */
static uint32_t per_mille(const struct latencies *latencies, size_t thousandths)
{
    size_t rank = (latencies->count * thousandths + 999) / 1000;
    return latencies->us[rank == 0 ? 0 : rank - 1];
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void figures_print(struct latencies *latencies, const struct run_figures *figures)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    if (latencies->count > 0)
        qsort(latencies->us, latencies->count, sizeof *latencies->us, compare);
    printf("{\"completed\":%zu,\"total\":%llu,\"wrong\":%llu,\"lost\":%llu,\"seconds\":%.3f",
           latencies->count, (unsigned long long)figures->total, (unsigned long long)figures->wrong,
           (unsigned long long)figures->lost, (double)figures->window_us / 1e6);
    stall_completed(stall_to_us);
    printf(",\"aborted\":%llu,\"stall_us\":%llu", (unsigned long long)figures->aborted,
           (unsigned long long)atomic_load(&stall_longest_us));
    printf(",\"generator_cpu_s\":%.3f", seconds(usage.ru_utime) + seconds(usage.ru_stime));
    if (latencies->count > 0)
        printf(",\"rate\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"p999_us\":%u",
               (double)latencies->count * 1e6 / (double)figures->window_us,
               per_mille(latencies, 500), per_mille(latencies, 990), per_mille(latencies, 999));
    puts("}");
    if (figures->first_wrong != NULL)
        (void)fprintf(stderr, "bench: the first wrong answer: %s\n", figures->first_wrong);
}
