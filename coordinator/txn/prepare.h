/* prepare.h: slots, then prepares. */
#ifndef TXN_PREPARE_H
#define TXN_PREPARE_H

#include "core.h"

void txn_reserve(struct step *step);
/* PREPARING: sends every prepare that can go; in order: the next one. */
void txn_prepare_ready(struct step *step);
void txn_on_reserved(struct step *step);
void txn_on_reserved_late(struct step *step);

#endif
