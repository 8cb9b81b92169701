/* recovered.h: a new leader goes on. */
#ifndef TXN_RECOVERED_H
#define TXN_RECOVERED_H

#include "core.h"

void txn_followed_recovered(struct step *step);
void txn_saga_recovered(struct step *step);
void txn_on_recovered(struct step *step);

#endif
