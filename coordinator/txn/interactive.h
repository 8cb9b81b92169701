/* interactive.h: enlistments, and the client's commit. */
#ifndef TXN_INTERACTIVE_H
#define TXN_INTERACTIVE_H

#include "core.h"

void txn_on_opened(struct step *step);
void txn_acknowledge_enlisted(struct step *step);
void txn_on_enlisted(struct step *step);
void txn_on_enlisted_late(struct step *step);
void txn_on_open_durable(struct step *step);
void txn_on_closed(struct step *step);
void txn_on_closed_again(struct step *step);

#endif
