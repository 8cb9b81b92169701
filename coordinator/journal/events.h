/* events.h: the outbox's rows, read again. */
#ifndef JOURNAL_EVENTS_H
#define JOURNAL_EVENTS_H

#include "read.h"

extern const struct ask_kind ask_events, ask_event_get, ask_event_discard;

#endif
