/* doubt.h: see doubt.c. */
#ifndef TXN_DOUBT_H
#define TXN_DOUBT_H

#include "core.h"

/* RECOVERED: is what the journal says of it perhaps not all that was decided? */
bool txn_doubted(const struct txn *txn);
void txn_doubt(struct step *step);

/* DOUBTFUL. */
void txn_on_doubt_result(struct step *step);
void txn_on_doubt_timer(struct step *step);
void txn_on_doubt_resumed(struct step *step);
void txn_doubt_said(struct step *step, struct txn_branch *branch, bool committed);
void txn_doubt_given_up(struct step *step);
bool txn_doubt_parked(const struct txn *txn);

#endif
