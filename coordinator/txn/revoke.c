/* revoke.c: taking back an execute that was sent before, where it cannot be undone and is not known
 * to have acted or not: one phase, a pivot, a step behind one.
 *
 * Abort goes to its branch, and only what that answers decides. The guard says "committed", with
 * the output, or it leaves a tombstone, which refuses a copy of the execute that is still on its
 * way. Silence decides nothing, however long it lasts. What either answer means is up to the
 * caller: one_phase.c, pivot.c, saga.c. */
#include "revoke.h"
#include "answers.h"
#include "branch_states.h"
#include "send.h"
#include "timer.h"

void txn_revoke(struct step *step, struct txn_branch *branch)
{
    txn_branch_set(step->txn, branch, TXN_BRANCH_ABORTING);
    branch->tries = 0;
    txn_send(step, branch, OP_ABORT);
}

/* "Done" without saying what was done is no answer. */
static enum txn_revoked state_said(enum message_state state)
{
    switch (state) {
    case BRANCH_IS_COMMITTED:
        return TXN_REVOKE_ACTED;
    case BRANCH_IS_ABORTED:
        return TXN_REVOKE_NEVER;
    case BRANCH_IS_UNSAID:
    case BRANCH_IS_PREPARED:
    case BRANCH_IS_COMPENSATED:
    case BRANCH_IS_UNKNOWN:
    case BRANCH_IS_COUNT:
        break;
    }
    return TXN_REVOKE_UNCLEAR;
}

enum txn_revoked txn_revoke_said(const struct result *result)
{
    assert(result->op == OP_ABORT);
    switch (result->result) {
    case RESULT_DONE:
        return state_said(result->state);
    case RESULT_REFUSED:
    case RESULT_HEURISTIC:
        return TXN_REVOKE_UNCLEAR;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    return TXN_REVOKE_OPEN;
}

void txn_revoke_later(struct step *step, struct txn_branch *branch)
{
    if (branch->state == TXN_BRANCH_ABORTING)
        txn_again(step, branch, txn_retry_after(step));
}
