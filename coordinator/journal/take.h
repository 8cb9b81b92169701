/* take.h: shards are taken, one group at a time, over a connection of its own, while the lane
 * writes for those that are led:
 *
 *   IDLE -> LEASE    which of them may be had
 *        -> RAISE    their epochs, behind the end of what is left of dead leaders' sessions
 *        -> LOAD     what is open is noted, and read page by page
 *        -> IDLE     they are led
 *
 * When the connection is lost before the epochs are known, the shards are taken anew; in LOAD it
 * goes on where it stopped. */
#ifndef JOURNAL_TAKE_H
#define JOURNAL_TAKE_H

#include "state.h"

TROTH_MUST_CHECK int take_init(struct journal *journal);
void take_finish(struct journal *journal);
/* Connects; asked again it does nothing. */
void take_start(struct journal *journal);
/* Tries to have these. Nothing where it is busy, or not connected. */
void take_begin(struct journal *journal, const uint32_t *shards, uint32_t count);

#endif
