/* drop.h: rows that are not written any more, since somebody else leads: each gets TXN_FENCED. */
#ifndef JOURNAL_DROP_H
#define JOURNAL_DROP_H

#include "state.h"

/* All that the lane has. */
void drop_all(struct journal *journal);
/* What waits for that shard; what is being written for it gets its own verdict. */
void drop_shard(struct journal *journal, uint32_t shard);

#endif
