/* parked.h: what a late answer or an operator means to what is parked. */
#ifndef TXN_PARKED_H
#define TXN_PARKED_H

#include "core.h"

void txn_on_parked_cancel(struct step *step);
void txn_on_parked_result(struct step *step);
void txn_on_parked_resumed(struct step *step);
void txn_on_parked_durable(struct step *step);
void txn_on_parked_timer(struct step *step);

#endif
