/* forget.h: what ended long ago leaves the journal. */
#ifndef JOURNAL_FORGET_H
#define JOURNAL_FORGET_H

#include "read.h"

extern const struct ask_kind ask_forget;

TROTH_MUST_CHECK int forget_init(struct journal *journal);
void forget_finish(struct journal *journal);

#endif
