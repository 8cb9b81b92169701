/* load.h: what a new leader of some shards must know of them, page by page. */
#ifndef JOURNAL_LOAD_H
#define JOURNAL_LOAD_H

#include "state.h"

/* In TAKE_LOAD: goes on from where it stopped; behind the last page the shards are led. */
void load_next(struct journal *journal);

#endif
