/* decide.h: the decision. */
#ifndef TXN_DECIDE_H
#define TXN_DECIDE_H

#include "core.h"

void txn_commit(struct step *step);
void txn_abort(struct step *step, enum txn_cause cause, uint32_t branch_number);
void txn_adopt(struct step *step, enum txn_decision standing);
bool txn_adopt_early(struct step *step);
void txn_on_decided(struct step *step);
void txn_on_aborted(struct step *step);
void txn_on_cancelled(struct step *step);
void txn_on_cancelled_late(struct step *step);
void txn_on_nothing_sent_timer(struct step *step);

#endif
