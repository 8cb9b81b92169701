/* branch_states.h: from one state of a branch to the next. */
#ifndef TXN_BRANCH_STATES_H
#define TXN_BRANCH_STATES_H

#include "core.h"

/* A branch that is new in its array takes its first state. */
void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);
void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);

/* The abort of its attempt goes to it. */
bool txn_branch_hears_abort(const struct txn *txn, const struct txn_branch *branch);
/* Of a step that is to run no more: an execute of it may have acted. */
bool txn_branch_may_have_acted(const struct txn *txn, const struct txn_branch *branch);
/* What it is once it has heard the decision; TXN_UNDECIDED: as it is. */
enum txn_branch_state txn_branch_decided(enum txn_branch_state state, enum txn_decision decision);

#endif
