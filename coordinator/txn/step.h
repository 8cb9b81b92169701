/* step.h: one step. */
#ifndef TXN_STEP_H
#define TXN_STEP_H

#include "core.h"

void txn_on_fenced(struct step *step);

#endif
