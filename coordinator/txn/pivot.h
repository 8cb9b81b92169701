/* pivot.h: a saga turns back, or finds that its pivot is done. */
#ifndef TXN_PIVOT_H
#define TXN_PIVOT_H

#include "core.h"

void txn_stop(struct step *step, enum txn_cause cause, uint32_t branch_number);
/* STOPPING: an operator says what it did. */
void txn_pivot_said(struct step *step, struct txn_branch *pivot, bool acted);
void txn_on_stopping_result(struct step *step);
void txn_on_stopping_timer(struct step *step);
void txn_on_stopping_cancel(struct step *step);
void txn_on_stopping_resumed(struct step *step);
void txn_on_turning_result(struct step *step);
void txn_on_late_skipped(struct step *step);
void txn_on_late_unsent(struct step *step);
void txn_on_turned(struct step *step);

#endif
