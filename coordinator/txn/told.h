/* told.h: which branches a commit named. */
#ifndef TXN_TOLD_H
#define TXN_TOLD_H

#include "core.h"

void txn_list_close(struct txn *txn, const uint32_t *numbers, uint32_t count);

#endif
