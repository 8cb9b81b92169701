/* by_hand.h: what an operator says of a branch that does not. */
#ifndef TXN_BY_HAND_H
#define TXN_BY_HAND_H

#include <txn/resolve.h>

#include "core.h"

void txn_on_resolved(struct step *step);
void txn_on_forgotten(struct step *step);
/* Before the state's own handler: the records of steps that were in flight are durable. */
void txn_words_durable(struct step *step);

/* A new leader: what was said to the one before, once the branches are as the rows have them. */
void txn_words_recovered(struct step *step);

#endif
