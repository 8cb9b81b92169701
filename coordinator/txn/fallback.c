/* fallback.c: from two-phase commit to a saga, without a double or a missing effect.
 *
 * When a prepare does not come in time, or a new leader finds the attempt undecided, one forced
 * write ends attempt n with abort and begins n + 1 as a saga over the same steps. No message of
 * n + 1 leaves before it is durable [EARLYSEND]. A yes that is still on its way changes nothing:
 * this memory asks for no other decision of attempt n [LATEYES]. Behind the write the aborts of
 * attempt n go to all its members, beside the saga (earlier.c). A business no never comes here: it
 * aborts. */
#include "fallback.h"
#include "attempt.h"
#include "branch_states.h"
#include "decide.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "pivot.h"
#include "saga.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

/* Steps behind the pivot take no part in two-phase commit. */
void txn_leave_behind(struct txn *txn)
{
    if (txn->origin->mode != TXN_MODE_2PC_THEN_SAGA || txn->protocol != TXN_PROTOCOL_2PC)
        return;
    for (uint64_t mask = txn_of_kind(txn, TXN_STEP_RETRIABLE); mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (branch->state == TXN_BRANCH_IDLE || branch->state == TXN_BRANCH_PREPARING)
            txn_branch_set(txn, branch, TXN_BRANCH_BEHIND);
    }
}

/* RESERVING, PREPARING, RESTARTING, and a new leader's first step. */
void txn_fall_back(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    assert(txn_falls_back(txn) && cause != TXN_CAUSE_NONE);
    const struct txn_branch *blamed = txn_branch_find(txn, branch_number);
    if (txn->state == TXN_RESERVING)
        txn_emit(step, TXN_EFFECT_UNRESERVE);
    txn->fallback_attempt = txn->attempt;
    txn->fallback_cause = cause;
    txn->fallback_branch = branch_number;
    txn->fallback_reason = blamed != NULL ? blamed->reason : (struct troth_span){NULL, 0};
    txn->fallback_blocker = txn->blocker;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_FELL_BACK,
                                     .branch = branch_number,
                                     .detail = (uint8_t)cause});
    txn->protocol = TXN_PROTOCOL_SAGA;
    txn_attempt_end(step, txn_all(txn));
    txn_record_people(step);
    txn->attempt++;
    txn_set_state(txn, TXN_FALLING_BACK);
}

/* A prepare that did not come in time is the reason to fall back, or one whose output was lost; the
 * end of the whole time is none. */
void txn_give_up(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    assert(cause != TXN_CAUSE_NONE && step->txn->decision == TXN_UNDECIDED);
    if (txn_falls_back(step->txn) && !txn_expired(step->txn->deadline, step->now))
        txn_fall_back(step, cause, branch_number);
    else
        txn_abort(step, cause, branch_number);
}

/* Between two attempts, or while one prepares: what is the reason that it is not in time? */
void txn_late(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->conflicts > 0)
        txn_give_up(step, TXN_CAUSE_CONFLICT, txn->conflict_branch);
    else
        txn_give_up(step, TXN_CAUSE_TIMEOUT, 0);
}

/* FALLING_BACK: attempt n has ended. A cancel that came meanwhile finds nothing to undo. */
void txn_on_fallen_back(struct step *step)
{
    struct txn *txn = step->txn;
    if (!txn_attempt_ended(step))
        return;
    assert(txn->protocol == TXN_PROTOCOL_SAGA && txn->attempt > 1);
    txn_earlier_abort(step, txn_2pc_members(txn), txn->attempt - 1);
    enum txn_cause wish = txn->cause;
    txn->cause = TXN_CAUSE_NONE;
    txn_set_state(txn, TXN_RUNNING);
    if (wish != TXN_CAUSE_NONE) {
        txn_stop(step, wish, 0);
    } else if (txn_expired(txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_stop(step, TXN_CAUSE_TIMEOUT, 0);
    } else {
        txn_run(step);
    }
}
