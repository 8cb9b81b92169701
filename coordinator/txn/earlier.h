/* earlier.h: aborts of attempts before the present one. */
#ifndef TXN_EARLIER_H
#define TXN_EARLIER_H

#include "core.h"

void txn_earlier_abort(struct step *step, uint64_t members, uint32_t attempt);
/* What was decided for this attempt is told to it, in a while. */
void txn_owe(struct step *step, struct txn_branch *branch, enum message_op op);
void txn_earlier_due(struct step *step);
void txn_earlier_done(struct txn *txn, struct txn_branch *branch);
void txn_on_earlier_resumed(struct step *step);
bool txn_earlier_answered(struct step *step);
void txn_on_earlier_result(struct step *step);
void txn_on_earlier_timer(struct step *step);

#endif
