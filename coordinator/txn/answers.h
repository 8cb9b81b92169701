/* answers.h: whom an answer is about. */
#ifndef TXN_ANSWERS_H
#define TXN_ANSWERS_H

#include "core.h"

struct txn_branch *txn_answered(struct step *step, enum message_op op);
struct txn_branch *txn_unsendable(struct step *step, enum txn_branch_state state);

#endif
