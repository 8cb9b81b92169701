/* conflict.h: what a conflict means. */
#ifndef TXN_CONFLICT_H
#define TXN_CONFLICT_H

#include "core.h"

void txn_conflict(struct step *step, struct txn_branch *branch);

#endif
