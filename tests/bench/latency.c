/* latency.c: counts every latency into a histogram of bounded error, and reads percentiles off. */
#include "latency.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

uint64_t now_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

/* --- the histogram ---------------------------------------------------------------------------- */

static size_t bucket_of(uint64_t us)
{
    if (us < LATENCY_EXACT)
        return (size_t)us;
    unsigned shift = 64u - (unsigned)__builtin_clzll(us) - 8u; /* leaves 128 … 255 */
    if (shift > LATENCY_POWERS)
        return LATENCY_BUCKETS - 1;
    return LATENCY_EXACT + (shift - 1u) * LATENCY_PER_POWER + (size_t)(us >> shift) -
           LATENCY_PER_POWER;
}

/* The middle of a bucket. */
static double value_of(size_t bucket)
{
    if (bucket < LATENCY_EXACT)
        return (double)bucket;
    size_t shift = (bucket - LATENCY_EXACT) / LATENCY_PER_POWER + 1;
    size_t lowest = (bucket - LATENCY_EXACT) % LATENCY_PER_POWER + LATENCY_PER_POWER;
    return (double)(lowest << shift) + (double)((1u << shift) - 1u) / 2;
}

void latencies_add(struct latencies *latencies, uint64_t us)
{
    latencies->buckets[bucket_of(us)]++;
    latencies->count++;
    if (us > latencies->longest_us)
        latencies->longest_us = us;
}

void latencies_merge(struct latencies *into, const struct latencies *from)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->longest_us > into->longest_us)
        into->longest_us = from->longest_us;
}

double latencies_per_mille(const struct latencies *latencies, uint64_t thousandths)
{
    uint64_t rank = (latencies->count * thousandths + 999) / 1000, seen = 0;
    size_t i = 0;
    while (i < LATENCY_BUCKETS - 1 && (seen += latencies->buckets[i]) < rank)
        i++;
    return value_of(i);
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

void window_say(const char *word)
{
    (void)puts(word);
    (void)fflush(stdout);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void latencies_print(const struct latencies *latencies, uint64_t window_us)
{
    printf(",\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"longest_us\":%llu",
           (double)latencies->count * 1e6 / (double)window_us, latencies_per_mille(latencies, 500),
           latencies_per_mille(latencies, 990), latencies_per_mille(latencies, 999),
           (unsigned long long)latencies->longest_us);
    const char *comma = "";
    printf(",\"histogram\":[");
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        if (latencies->buckets[i] > 0) {
            printf("%s[%.1f,%u]", comma, value_of(i), latencies->buckets[i]);
            comma = ",";
        }
    printf("]");
}

void figures_print(const struct latencies *latencies, const struct run_figures *figures)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("{\"completed\":%llu,\"total\":%llu,\"wrong\":%llu,\"lost\":%llu,\"seconds\":%.3f",
           (unsigned long long)latencies->count, (unsigned long long)figures->total,
           (unsigned long long)figures->wrong, (unsigned long long)figures->lost,
           (double)figures->window_us / 1e6);
    stall_completed(stall_to_us);
    printf(",\"aborted\":%llu,\"refused\":%llu,\"refused_within\":%llu,\"unsent\":%llu",
           (unsigned long long)figures->aborted, (unsigned long long)figures->refused,
           (unsigned long long)figures->refused_within, (unsigned long long)figures->unsent);
    printf(",\"stall_us\":%llu,\"generator_s\":%.3f",
           (unsigned long long)atomic_load(&stall_longest_us),
           seconds(usage.ru_utime) + seconds(usage.ru_stime));
    if (latencies->count > 0)
        latencies_print(latencies, figures->window_us);
    puts("}");
    if (figures->first_wrong != NULL)
        (void)fprintf(stderr, "bench: the first wrong answer: %s\n", figures->first_wrong);
}
