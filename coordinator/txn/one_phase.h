/* one_phase.h: one branch, one phase. */
#ifndef TXN_ONE_PHASE_H
#define TXN_ONE_PHASE_H

#include "core.h"

void txn_delegate(struct step *step);
void txn_execute(struct step *step);
void txn_on_delegated(struct step *step);
void txn_revoke_delegated(struct step *step, enum txn_cause cause, uint32_t branch_number);
/* REVOKING, and a new leader: an operator says what the branch did, and so it is decided. */
void txn_delegated_said(struct step *step, bool acted);
void txn_on_executed(struct step *step);
void txn_on_revoking_result(struct step *step);
void txn_on_executed_timer(struct step *step);
void txn_on_revoking_timer(struct step *step);
void txn_on_revoking_cancel(struct step *step);
void txn_on_revoking_resumed(struct step *step);
void txn_on_delegated_cancel(struct step *step);
void txn_on_delegated_unsendable(struct step *step);
void txn_on_delegated_skipped(struct step *step);

#endif
