/* hello.h: whose journal is it, and is it fit for one? The first that the lane asks on a new
 * connection; and the last: is the session ours alone? */
#ifndef JOURNAL_HELLO_H
#define JOURNAL_HELLO_H

#include "state.h"

TROTH_MUST_CHECK int hello_init(struct journal *journal);
void hello_finish(struct journal *journal);
void hello_begin(struct journal *journal);

#endif
