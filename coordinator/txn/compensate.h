/* compensate.h: a saga goes back. */
#ifndef TXN_COMPENSATE_H
#define TXN_COMPENSATE_H

#include "core.h"

void txn_compensate_begin(struct step *step);
/* COMPENSATING: an operator says that nothing of it is left, or that it stays. */
void txn_undone_said(struct step *step, struct txn_branch *branch, bool undone);
void txn_on_compensating_result(struct step *step);
void txn_on_compensating_unsendable(struct step *step);
void txn_on_compensating_durable(struct step *step);
void txn_on_compensating_timer(struct step *step);
void txn_on_compensating_resumed(struct step *step);

#endif
