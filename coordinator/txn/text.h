/* text.h: parts of the texts for people. */
#ifndef TXN_TEXT_H
#define TXN_TEXT_H

#include "core.h"

bool txn_cause_parse(struct troth_span value, enum txn_cause *ret_cause);
void txn_steps_append_as(const struct txn *txn, enum txn_decision decision, struct buffer *list);

#endif
