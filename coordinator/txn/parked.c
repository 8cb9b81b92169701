/* parked.c: what waits for an operator: a branch, and a transaction of which nothing else goes on.
 *
 * A transaction that is parked stays in the state that it is in, and so does what a late answer, a
 * cancel or "again" means to it. Only what is shown differs: "parked" in the place of its state. */
#include "parked.h"
#include "branch_states.h"
#include "effects.h"
#include "history.h"

#define IN(s) (txn->in[TXN_BRANCH_##s])

void txn_park(struct step *step, struct txn_branch *branch)
{
    if (branch->state == TXN_BRANCH_PARKED)
        return;
    txn_branch_set(step->txn, branch, TXN_BRANCH_PARKED);
    branch->retry_at.us = 0;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_PARKED, .branch = branch->number});
}

void txn_park_step(struct step *step, struct txn_branch *branch, enum record_step_state state)
{
    txn_branch_set(step->txn, branch, TXN_BRANCH_PARKED);
    branch->retry_at.us = 0;
    txn_persist_step(step, branch, state);
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_PARKED, .branch = branch->number});
}

bool txn_revocation_parked(const struct txn *txn)
{
    return IN(PARKED) != 0;
}

/* All that is owed for earlier attempts is parked, and something is. */
static bool earlier_parked(const struct txn *txn)
{
    return txn->owed != 0 && txn->owed == txn->owed_parked;
}

bool txn_phase2_parked(const struct txn *txn)
{
    return txn->decision != TXN_UNDECIDED && txn->writing[TXN_RECORD_OUTCOME] == 0 &&
           (IN(COMMITTING) | IN(ABORTING)) == 0 && (IN(PARKED) != 0 || earlier_parked(txn));
}

bool txn_forward_parked(const struct txn *txn)
{
    return IN(PARKED) != 0 && (IN(EXECUTING) | IN(ABORTING)) == 0 &&
           txn->writing[TXN_RECORD_STEP] == 0;
}

bool txn_compensation_parked(const struct txn *txn)
{
    return IN(PARKED) != 0 && (IN(COMPENSATING) | IN(ASKING)) == 0;
}

bool txn_conclusion_parked(const struct txn *txn)
{
    return txn->outcome != TXN_OUTCOME_NONE && txn->writing[TXN_RECORD_OUTCOME] == 0 &&
           earlier_parked(txn);
}
