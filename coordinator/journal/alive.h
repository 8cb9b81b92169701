/* alive.h: what is known of this node's writes (state_can_write() judges it). */
#ifndef JOURNAL_ALIVE_H
#define JOURNAL_ALIVE_H

#include "state.h"

void alive_wrote(struct journal *journal);
/* A write is under way, or cannot be. */
void alive_waits(struct journal *journal);

#endif
