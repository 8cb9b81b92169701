/* phase2.h: the second phase of a two-phase commit. */
#ifndef TXN_PHASE2_H
#define TXN_PHASE2_H

#include "core.h"

/* `branch` is told the decision, counted from zero. */
void txn_tell(struct step *step, struct txn_branch *branch, enum txn_branch_state state,
              enum message_op op);
void txn_commit_members(struct step *step);
void txn_abort_members(struct step *step);
/* It ended otherwise than decided. */
void txn_heuristic(struct step *step, struct txn_branch *branch);
void txn_reply_decided(struct step *step);
/* COMMITTING, ABORTING: an operator says how it ended. */
void txn_phase2_said(struct step *step, struct txn_branch *branch, bool committed);
void txn_on_acknowledged(struct step *step);
void txn_on_outcome(struct step *step);
void txn_on_phase2_timer(struct step *step);
void txn_on_phase2_resumed(struct step *step);
void txn_settle(struct step *step);

#endif
