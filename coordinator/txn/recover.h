/* recover.h: what the journal's row says beside what txn_recover() makes of it. */
#ifndef TXN_RECOVER_H
#define TXN_RECOVER_H

#include "core.h"

/* The branch that a commit named and that had not enlisted, as the failure says; 0: none. */
uint32_t txn_image_stranger(const struct txn_image *image);

#endif
