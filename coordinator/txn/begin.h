/* begin.h: a transaction begins. */
#ifndef TXN_BEGIN_H
#define TXN_BEGIN_H

#include "core.h"

void txn_on_submitted(struct step *step);
void txn_on_begun(struct step *step);

#endif
