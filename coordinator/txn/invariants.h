/* invariants.h: what is true in each state. */
#ifndef TXN_INVARIANTS_H
#define TXN_INVARIANTS_H

#include "core.h"

bool txn_open_holds(const struct txn *txn);
bool txn_beginning_holds(const struct txn *txn);
bool txn_reserving_holds(const struct txn *txn);
bool txn_preparing_holds(const struct txn *txn);
bool txn_delegating_holds(const struct txn *txn);
bool txn_delegated_holds(const struct txn *txn);
bool txn_revoking_holds(const struct txn *txn);
bool txn_deciding_holds(const struct txn *txn);
bool txn_committing_holds(const struct txn *txn);
bool txn_aborting_holds(const struct txn *txn);
bool txn_restarting_holds(const struct txn *txn);
bool txn_falling_back_holds(const struct txn *txn);
bool txn_doubtful_holds(const struct txn *txn);
bool txn_leaving_holds(const struct txn *txn);
bool txn_running_holds(const struct txn *txn);
bool txn_stopping_holds(const struct txn *txn);
bool txn_turning_holds(const struct txn *txn);
bool txn_compensating_holds(const struct txn *txn);
bool txn_concluding_holds(const struct txn *txn);
bool txn_words_hold(const struct txn *txn); /* in every state */
bool txn_finished(const struct txn *txn);
bool txn_publishing_holds(const struct txn *txn);

#endif
