/* acquire.h: from a journal that is known to a lane that may write: the lease, the epochs. */
#ifndef JOURNAL_ACQUIRE_H
#define JOURNAL_ACQUIRE_H

#include "state.h"

TROTH_MUST_CHECK int acquire_init(struct journal *journal);
void acquire_finish(struct journal *journal);
/* The first time, and whenever another one's lease may be over. */
void acquire_lease(struct journal *journal);
/* After a loss: the same memory goes on. */
void acquire_reclaim(struct journal *journal);

/* On the lane's link, with the journal's params. */
void acquire_query(struct journal *journal, const char *sql, link_fn fn);
void acquire_sync(struct journal *journal, link_fn fn);
/* An error: it was said, and a new connection begins. */
bool acquire_failed(struct journal *journal, PGresult *result);

#endif
