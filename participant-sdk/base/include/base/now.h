/* base/now.h: what the clocks say, and how long libevent is to wait. The only place that reads a
 * clock; the transaction core may not include it. */
#ifndef BASE_NOW_H
#define BASE_NOW_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#include <base/clock.h>

struct mono mono_now(void);
struct wall wall_now(void);

/* So many microseconds, as libevent's timers take them. */
struct timeval timeval_of(uint64_t us);
/* The same, as nanosleep() and the waits of pthreads take them. */
struct timespec timespec_of(uint64_t us);

#endif
