/* clock.h: this node's wall clock against the database's. */
#ifndef JOURNAL_CLOCK_H
#define JOURNAL_CLOCK_H

#include "state.h"

void clock_note(struct journal *journal, uint64_t asked_us, struct wall database);
/* Else the state says that it does not lead. */
bool clock_is_right(struct journal *journal);

#endif
