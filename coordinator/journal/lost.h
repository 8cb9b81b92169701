/* lost.h: has the journal gone back? A standby that lagged is promoted, a backup restored: rows
 * that were acknowledged are missing then, and epochs (protocol.md, section 8). */
#ifndef JOURNAL_LOST_H
#define JOURNAL_LOST_H

#include "state.h"

/* On a new connection of a leader, before anything is written over it: steps_ready() follows where
 * nothing is missing; else the epochs are raised above all that was, and it stops. */
void lost_look(struct journal *journal);
#endif
