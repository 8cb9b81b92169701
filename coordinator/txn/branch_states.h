/* branch_states.h: from one state of a branch to the next. */
#ifndef TXN_BRANCH_STATES_H
#define TXN_BRANCH_STATES_H

#include "core.h"

/* A branch that is new in its array takes its first state. */
void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);
void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);

#endif
