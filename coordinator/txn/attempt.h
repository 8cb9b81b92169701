/* attempt.h: the write that ends one attempt and begins the next. */
#ifndef TXN_ATTEMPT_H
#define TXN_ATTEMPT_H

#include "core.h"

void txn_attempt_end(struct step *step, uint64_t members);
/* The write that ends the attempt before this one is durable. False also when that has committed,
 * which no memory here wrote: the transaction is lost. */
bool txn_attempt_ended(struct step *step);

#endif
