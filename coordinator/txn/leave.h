/* leave.h: see leave.c. */
#ifndef TXN_LEAVE_H
#define TXN_LEAVE_H

#include "core.h"

void txn_on_leaves(struct step *step);
/* Behind every step: LEAVES has come, and now nothing of it is on its way to the journal. */
void txn_leave_when_written(struct step *step);

/* A new leader: what branch of a transaction that was handed over it is in, by its vote there. */
enum txn_branch_state txn_handed_state(enum message_vote vote);
/* The same of the transaction: undecided, and it is driven on. */
void txn_handed_go_on(struct step *step);

#endif
