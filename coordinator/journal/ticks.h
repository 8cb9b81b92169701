/* ticks.h: the monotonic clock, timers that are set by it, and the time in a gtid. */
#ifndef JOURNAL_TICKS_H
#define JOURNAL_TICKS_H

#include <stdint.h>

#include <troth/id.h>

struct event;

uint64_t clock_mono_us(void);
void event_in(struct event *event, uint64_t us);
/* The least gtid of a wall time: it begins with the milliseconds. */
troth_gtid gtid_of_time(uint64_t us);

#endif
