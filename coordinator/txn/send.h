/* send.h: commands to participants. */
#ifndef TXN_SEND_H
#define TXN_SEND_H

#include "core.h"

void txn_send(struct step *step, struct txn_branch *branch, enum message_op op);
void txn_resend_due(struct step *step, enum txn_branch_state state, enum message_op op);

#endif
