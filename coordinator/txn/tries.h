/* tries.h: tries of a saga's steps, counted. */
#ifndef TXN_TRIES_H
#define TXN_TRIES_H

#include "core.h"

/* Sends `op` of a saga's step; where a limit asks for it, when the try is durable. */
void txn_try(struct step *step, struct txn_branch *branch, enum message_op op);
/* What is due in `state`; nothing while a step's record is in flight. */
void txn_resend_steps(struct step *step, enum txn_branch_state state, enum message_op op);
/* An operator tries again what is parked: counted from zero, and as a new attempt where the one
 * before was refused for good. */
void txn_try_resumed(struct step *step, struct txn_branch *branch, enum message_op op);

#endif
