/* load.h: what a new leader must know, page by page. */
#ifndef JOURNAL_LOAD_H
#define JOURNAL_LOAD_H

#include "state.h"

/* In STEP_LOAD: goes on from where it stopped; behind the last page STEP_PROVE. */
void load_next(struct journal *journal);

#endif
