/* revoke.h: taking back an execute that was sent before. */
#ifndef TXN_REVOKE_H
#define TXN_REVOKE_H

#include "core.h"

/* What a branch says to that. */
enum txn_revoked {
    TXN_REVOKE_OPEN,    /* nothing, or not now: it is asked again */
    TXN_REVOKE_ACTED,   /* too late: it has committed; its output is in the answer */
    TXN_REVOKE_NEVER,   /* it has not acted and never will: there is a tombstone */
    TXN_REVOKE_UNCLEAR, /* an answer that decides nothing: an operator looks */
};

/* The branch is to answer that from now on, and no late answer to its execute but "done". */
void txn_revoke(struct step *step, struct txn_branch *branch);
/* Of an answer to abort. */
enum txn_revoked txn_revoke_said(const struct result *result);
/* TXN_REVOKE_OPEN: the same again, later, unless the branch is parked. */
void txn_revoke_later(struct step *step, struct txn_branch *branch);

#endif
