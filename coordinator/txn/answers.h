/* answers.h: which branch an answer is about. */
#ifndef TXN_ANSWERS_H
#define TXN_ANSWERS_H

#include "core.h"

struct txn_branch *txn_answered(struct step *step, enum message_op op);
/* How long the RESULT asks to wait: with "not now"; 0: it does not. */
uint64_t txn_retry_after(const struct step *step);
struct txn_branch *txn_unsendable(struct step *step, enum txn_branch_state state);

#endif
