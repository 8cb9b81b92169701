/* The monotonic clock, and timers that are set by it. */
#include "ticks.h"

#include <event2/event.h>

#include <base/now.h>

uint64_t clock_mono_us(void)
{
    return mono_now().us;
}

void event_in(struct event *event, uint64_t us)
{
    struct timeval wait = timeval_of(us);
    event_add(event, &wait);
}
