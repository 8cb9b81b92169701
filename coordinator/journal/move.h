/* move.h: what this node does with what it sees of the others. */
#ifndef JOURNAL_MOVE_H
#define JOURNAL_MOVE_H

#include "state.h"

/* The picture is new: takes what is this node's share, hands over what is above it. */
void move_apply(struct journal *journal);

#endif
