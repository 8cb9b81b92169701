/* restart.h: between two attempts of a two-phase commit. */
#ifndef TXN_RESTART_H
#define TXN_RESTART_H

#include "core.h"

void txn_restart(struct step *step, enum txn_cause cause, uint32_t branch_number, struct mono at);
void txn_restart_same(struct step *step, struct txn_branch *branch, struct mono at);
void txn_on_restarted(struct step *step);
void txn_on_restarting_timer(struct step *step);
void txn_on_restarting_cancel(struct step *step);

#endif
