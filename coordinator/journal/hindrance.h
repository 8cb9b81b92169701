/* hindrance.h: what hinders the writes, in the database's words. */
#ifndef JOURNAL_HINDRANCE_H
#define JOURNAL_HINDRANCE_H

#include "state.h"

void hindrance_note(struct journal *journal, const char *why);
/* The keeper is up, and idle. */
void hindrance_ask(struct journal *journal);

#endif
