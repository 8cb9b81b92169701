/* parked.h: what waits for an operator. */
#ifndef TXN_PARKED_H
#define TXN_PARKED_H

#include "core.h"

/* What the branch answered makes no sense, or its tries are spent. Nothing changes where it is
 * parked already. */
void txn_park(struct step *step, struct txn_branch *branch);
/* The same of a saga's step, which has a record of it: PARKED or REFUSED, forward or back. */
void txn_park_step(struct step *step, struct txn_branch *branch, enum record_step_state state);

/* For the table: nothing of the transaction goes on by itself, but what waits for an operator or
 * for the slow retry of a compensation. Some branch, or some abort of an earlier attempt, is
 * parked.
 */
bool txn_revocation_parked(const struct txn *txn);   /* REVOKING, STOPPING */
bool txn_phase2_parked(const struct txn *txn);       /* COMMITTING, ABORTING */
bool txn_forward_parked(const struct txn *txn);      /* RUNNING */
bool txn_compensation_parked(const struct txn *txn); /* COMPENSATING */
bool txn_conclusion_parked(const struct txn *txn);   /* CONCLUDING */

#endif
