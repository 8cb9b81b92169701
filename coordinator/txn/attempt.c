/* attempt.c: one forced write ends attempt n with abort and begins n + 1, as a two-phase commit in
 * order (restart.c) or as a saga (fallback.c). No message of attempt n + 1 leaves before it is
 * durable [SAMEATT, EARLYSEND]. The aborts of attempt n go out beside it (earlier.c). */
#include "attempt.h"
#include "branch_states.h"
#include "effects.h"
#include "shape.h"
#include "transition.h"

/* What is left of attempt n in this memory: nothing. `members`: all that begin anew. */
static void forget(struct step *step, uint64_t members)
{
    struct txn *txn = step->txn;
    while (members != 0) {
        struct txn_branch *branch = txn_take(txn, &members);
        txn_release(step, branch);
        if (branch->state != TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
        branch->vote = VOTE_NONE;
        branch->tries = 0;
        branch->retry_at.us = 0;
        branch->output = (struct troth_span){NULL, 0}; /* of an attempt that never was */
    }
}

void txn_attempt_end(struct step *step, uint64_t members)
{
    assert(step->txn->decision == TXN_UNDECIDED);
    assert(step->txn->writing[TXN_RECORD_DECISION] == 0);
    forget(step, members);
    txn_persist(step, TXN_RECORD_ATTEMPT, true)->decision = TXN_ABORT;
    txn_record_members(step);
}

bool txn_attempt_ended(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    assert(event->kind == TXN_EVENT_DURABLE);
    if (event->of.durable.record != TXN_RECORD_ATTEMPT ||
        event->of.durable.attempt + 1 != txn->attempt)
        return false;
    if (event->of.durable.verdict != TXN_ALREADY || event->of.durable.standing == TXN_ABORT)
        return true;
    txn_set_state(txn, TXN_LOST); /* the attempt has committed: a contradiction */
    return false;
}
