/* nodes.h: this node says that it lives, and reads who else does and who leads what. */
#ifndef JOURNAL_NODES_H
#define JOURNAL_NODES_H

#include "state.h"

/* On the keeper's link, before its sync: says that this node lives … */
void nodes_announce(struct journal *journal);
/* … and asks who else does, and who has what, into the picture. */
void nodes_ask(struct journal *journal);
void nodes_finish(struct journal *journal);

#endif
