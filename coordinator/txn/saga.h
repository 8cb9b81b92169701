/* saga.h: a saga goes forward. */
#ifndef TXN_SAGA_H
#define TXN_SAGA_H

#include "core.h"

void txn_run(struct step *step);
void txn_run_begin(struct step *step);
void txn_follow(struct step *step);
/* An operator says what became of a step that cannot be taken back. The caller runs on. */
void txn_forward_said(struct step *step, struct txn_branch *branch, bool done);
void txn_step_done(struct step *step, struct txn_branch *branch, struct troth_span output);
/* RUNNING: its tries are over without a result: it may have run. */
void txn_spent(struct step *step, struct txn_branch *branch, enum txn_cause cause);
void txn_on_step_result(struct step *step);
void txn_on_step_skipped(struct step *step);
void txn_on_step_unsendable(struct step *step);
void txn_on_step_durable(struct step *step);
void txn_on_running_timer(struct step *step);
void txn_on_running_cancel(struct step *step);
void txn_on_running_resumed(struct step *step);

#endif
