/* timer.h: deadlines, waits and timeouts. */
#ifndef TXN_TIMER_H
#define TXN_TIMER_H

#include "core.h"

bool txn_expired(struct mono deadline, struct txn_now now);
struct mono txn_after(struct txn_now now, uint64_t us);
uint64_t txn_random_below(struct txn *txn, uint64_t below);
uint64_t txn_retry_longest(const struct txn *txn, const struct txn_retry *retry);
void txn_again(struct step *step, struct txn_branch *branch, uint64_t at_least_us);
struct mono txn_backoff_at(struct step *step, uint32_t tries, uint64_t at_least_us);
void txn_try_later(struct step *step, struct txn_branch *branch, const struct txn_retry *retry,
                   uint64_t at_least_us);
/* When a command of this kind must have been answered, whenever it leaves; 0: never. */
struct mono txn_call_deadline(const struct txn *txn, enum message_op op);
uint64_t txn_call_timeout(const struct txn *txn, const struct txn_branch *branch,
                          enum message_op op, struct txn_now now);

#endif
