/* end.h: a mixed outcome, and the end. */
#ifndef TXN_END_H
#define TXN_END_H

#include "core.h"

void txn_mixed(struct step *step, const struct txn_branch *branch);
void txn_close(struct step *step);
void txn_on_published(struct step *step);
void txn_on_publish_timer(struct step *step);

#endif
