/* lease.h: its renewal, on a connection of its own. */
#ifndef JOURNAL_LEASE_H
#define JOURNAL_LEASE_H

#include "state.h"

TROTH_MUST_CHECK int lease_init(struct journal *journal);
void lease_finish(struct journal *journal);
/* Its connection, also to ask what hinders the lane. */
void keeper_start(struct journal *journal);
/* Behind what the lane has sent: whoever waits may have all at once. Nobody waits for the answer.
 */
void lease_give_back(struct journal *journal);

#endif
