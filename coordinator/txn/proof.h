/* proof.h: what an answer proves. */
#ifndef TXN_PROOF_H
#define TXN_PROOF_H

#include "core.h"

/* Whether what the event's RESULT tells of `branch` leaves a try open. */
void txn_account(struct step *step, const struct txn_branch *branch);
/* The event's refusal of execute or compensate, just accounted: nothing of it has acted. */
bool txn_refusal_proves(const struct step *step, const struct txn_branch *branch);

#endif
