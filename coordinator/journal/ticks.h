/* ticks.h: the monotonic clock, and timers that are set by it. */
#ifndef JOURNAL_TICKS_H
#define JOURNAL_TICKS_H

#include <stdint.h>

struct event;

uint64_t clock_mono_us(void);
void event_in(struct event *event, uint64_t us);

#endif
