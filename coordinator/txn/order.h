/* order.h: in which order prepares go, how long they wait, and when a transaction comes back after
 * a conflict.
 */
#ifndef TXN_ORDER_H
#define TXN_ORDER_H

#include "core.h"

/* Of what is left of a timeout so much is kept back, so that the answer can name the holder of the
 * lock.
 */
#define TXN_LOCK_WAIT_DIVISOR 8u

uint64_t txn_next_in_order(const struct txn *txn, uint64_t ready);
uint64_t txn_lock_wait(const struct txn *txn, enum message_op op, uint64_t timeout_us);
struct mono txn_conflict_at(struct step *step);
void txn_conflict_note(struct step *step, const struct txn_branch *branch);
bool txn_too_late(const struct txn *txn, struct mono at);

#endif
