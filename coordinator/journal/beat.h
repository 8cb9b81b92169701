/* beat.h: a row of no consequence, written now and then while nothing else is. */
#ifndef JOURNAL_BEAT_H
#define JOURNAL_BEAT_H

#include "state.h"

void beat_prepare(struct journal *journal);
/* Where it is due, and the lane has nothing else to do. */
void beat_send(struct journal *journal);

#endif
