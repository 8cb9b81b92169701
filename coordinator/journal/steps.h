/* steps.h: the steps of a fresh connection of the lane's. */
#ifndef JOURNAL_STEPS_H
#define JOURNAL_STEPS_H

#include "state.h"

/* On the lane's link, with the journal's params. */
void steps_query(struct journal *journal, const char *sql, link_fn fn);
void steps_sync(struct journal *journal, link_fn fn);
/* An error: it was said, and a new connection begins. */
bool steps_failed(struct journal *journal, PGresult *result);
/* It is the right journal, and nothing of it is missing: on to STEP_PROVE. */
void steps_ready(struct journal *journal);

#endif
