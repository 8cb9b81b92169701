/* votes.h: votes, and what comes in their place. */
#ifndef TXN_VOTES_H
#define TXN_VOTES_H

#include "core.h"

void txn_on_skipped(struct step *step);
void txn_on_vote(struct step *step);
void txn_on_reserve_refused(struct step *step);
void txn_on_unsendable(struct step *step);
void txn_on_prepare_timer(struct step *step);

#endif
