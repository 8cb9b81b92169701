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

troth_gtid gtid_of_time(uint64_t us)
{
    troth_gtid gtid = {0};
    uint64_t ms = us / 1000u;
    for (size_t i = 0; i < 6; i++)
        gtid.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return gtid;
}
