/* conclude.h: the outcome of a saga. */
#ifndef TXN_CONCLUDE_H
#define TXN_CONCLUDE_H

#include "core.h"

void txn_conclude(struct step *step, enum txn_decision decision);
/* CONCLUDING: on to the end, once the outcome is durable and every abort acknowledged. */
void txn_concluded_settle(struct step *step);
void txn_on_concluded(struct step *step);
void txn_on_concluding_result(struct step *step);
void txn_on_concluding_resumed(struct step *step);

#endif
