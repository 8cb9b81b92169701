/* compensate.h: a saga goes back. */
#ifndef TXN_COMPENSATE_H
#define TXN_COMPENSATE_H

#include "core.h"

void txn_compensate_begin(struct step *step);
void txn_on_compensating_result(struct step *step);
void txn_on_compensating_unsendable(struct step *step);
void txn_on_compensating_durable(struct step *step);
void txn_on_compensating_timer(struct step *step);
void txn_on_compensating_resumed(struct step *step);

#endif
