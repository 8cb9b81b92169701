/* now.c: the two clocks, read; and microseconds in libevent's words. */
#include <base/now.h>

#include <assert.h>
#include <time.h>

#define US_PER_S  1000000u
#define NS_PER_US 1000u

static uint64_t read_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now); /* cannot, for these clocks and a valid pointer */
    assert(failed == 0);
    (void)failed;
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US;
}

struct mono mono_now(void)
{
    return (struct mono){read_us(CLOCK_MONOTONIC)};
}

struct wall wall_now(void)
{
    return (struct wall){read_us(CLOCK_REALTIME)};
}

struct timeval timeval_of(uint64_t us)
{
    return (struct timeval){.tv_sec = (time_t)(us / US_PER_S),
                            .tv_usec = (suseconds_t)(us % US_PER_S)};
}

struct timespec timespec_of(uint64_t us)
{
    return (struct timespec){.tv_sec = (time_t)(us / US_PER_S),
                             .tv_nsec = (long)(us % US_PER_S * NS_PER_US)};
}
