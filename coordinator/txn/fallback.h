/* fallback.h: from two-phase commit to a saga. */
#ifndef TXN_FALLBACK_H
#define TXN_FALLBACK_H

#include "core.h"

void txn_leave_behind(struct txn *txn);
void txn_fall_back(struct step *step, enum txn_cause cause, uint32_t branch_number);
/* Falls back where that is allowed, or aborts. */
void txn_give_up(struct step *step, enum txn_cause cause, uint32_t branch_number);
void txn_late(struct step *step);
void txn_on_fallen_back(struct step *step);

#endif
