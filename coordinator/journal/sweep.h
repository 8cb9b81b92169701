/* sweep.h: which transactions are open is noted once for each, some time after it began
 * (sweep.sql): so a new leader finds them without looking through history, and one that ends in
 * time costs nothing for it. */
#ifndef JOURNAL_SWEEP_H
#define JOURNAL_SWEEP_H

#include "state.h"

/* The statement, on a fresh connection. */
void sweep_prepare(struct link *link);
/* In a batch, behind its statements: where enough has ended since the last one. */
void sweep_send(struct journal *journal);
/* By a new leader, over the taker's link, before it loads: up to the last one there is. */
void sweep_all(struct journal *journal, link_fn fn);
/* Its answer. false: nothing was done, the shards are not ours. */
bool sweep_take(struct journal *journal, const PGresult *result);

#endif
