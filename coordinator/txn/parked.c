/* parked.c: an operator looks. What is parked, and so what a late answer, a cancel or "again"
 * means, depends on what the transaction was doing: */
#include "parked.h"
#include "compensate.h"
#include "conclude.h"
#include "decide.h"
#include "earlier.h"
#include "one_phase.h"
#include "phase2.h"
#include "pivot.h"
#include "saga.h"
#include "shape.h"

enum parked {
    PARKED_DELEGATED,
    PARKED_PHASE2,
    PARKED_FORWARD,
    PARKED_STOPPING,
    PARKED_COMPENSATING,
    PARKED_CONCLUDED, /* only aborts of earlier attempts are left */
};

static enum parked parked_in(const struct txn *txn)
{
    bool following = txn_following(txn);
    if (txn->protocol == TXN_PROTOCOL_2PC && !following)
        return txn->decision == TXN_UNDECIDED ? PARKED_DELEGATED : PARKED_PHASE2;
    if (txn->outcome != TXN_OUTCOME_NONE)
        return PARKED_CONCLUDED;
    if (txn->decision == TXN_ABORT)
        return PARKED_COMPENSATING;
    return following || txn_forward_only(txn) ? PARKED_FORWARD : PARKED_STOPPING;
}

/* A cancel of what was parked undecided asks the branch once more. */
void txn_on_parked_cancel(struct step *step)
{
    switch (parked_in(step->txn)) {
    case PARKED_DELEGATED:
        txn_on_delegated_cancel(step);
        return;
    case PARKED_FORWARD:
        txn_on_running_cancel(step);
        return;
    case PARKED_STOPPING:
        txn_revoke_again(step);
        return;
    case PARKED_PHASE2:
    case PARKED_COMPENSATING:
    case PARKED_CONCLUDED:
        txn_on_cancelled_late(step);
        return;
    }
}

void txn_on_parked_result(struct step *step)
{
    switch (parked_in(step->txn)) {
    case PARKED_DELEGATED:
        txn_on_revoking_result(step);
        return;
    case PARKED_PHASE2:
        txn_on_acknowledged(step);
        return;
    case PARKED_FORWARD:
        txn_on_step_result(step);
        return;
    case PARKED_STOPPING:
        txn_on_stopping_result(step);
        return;
    case PARKED_COMPENSATING:
        txn_on_compensating_result(step);
        return;
    case PARKED_CONCLUDED:
        txn_on_concluding_result(step);
        return;
    }
}

void txn_on_parked_resumed(struct step *step)
{
    switch (parked_in(step->txn)) {
    case PARKED_DELEGATED:
        txn_revoke_delegated(step, step->txn->cause, step->txn->cause_branch);
        return;
    case PARKED_PHASE2:
        txn_on_phase2_resumed(step);
        return;
    case PARKED_FORWARD:
        txn_on_running_resumed(step);
        return;
    case PARKED_STOPPING:
        txn_on_earlier_resumed(step);
        txn_revoke_again(step);
        return;
    case PARKED_COMPENSATING:
        txn_on_compensating_resumed(step);
        return;
    case PARKED_CONCLUDED:
        txn_on_concluding_resumed(step);
        return;
    }
}

/* An outcome that became mixed. That of a saga is waited for in CONCLUDING. */
void txn_on_parked_durable(struct step *step)
{
    switch (parked_in(step->txn)) {
    case PARKED_DELEGATED:
    case PARKED_PHASE2:
    case PARKED_FORWARD:
        txn_on_outcome(step);
        return;
    case PARKED_STOPPING:
    case PARKED_COMPENSATING:
    case PARKED_CONCLUDED:
        return;
    }
}

/* Aborts of attempts before; and compensations whose time has come. */
void txn_on_parked_timer(struct step *step)
{
    switch (parked_in(step->txn)) {
    case PARKED_COMPENSATING:
        txn_on_compensating_timer(step);
        return;
    case PARKED_DELEGATED:
    case PARKED_PHASE2:
    case PARKED_FORWARD:
    case PARKED_STOPPING:
    case PARKED_CONCLUDED:
        txn_on_earlier_timer(step);
        return;
    }
}
