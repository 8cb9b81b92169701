/* pivot.c: how a saga turns back, and why it may not have to.
 *
 * Until its pivot is sent a saga may turn whenever it is told to. From then on a cancel or a
 * timeout is a request: the pivot has no compensation, so it is not guessed. It is
 * revoked (revoke.c) before the turn is written [PIVOTLAZY, UNKNOWNPIVOT]: its branch has
 * committed, and the saga goes forward; or it never will, and the saga turns. A new leader knows
 * nothing of what the one before has sent, so it revokes the pivot, too. */
#include "pivot.h"
#include "answers.h"
#include "branch_states.h"
#include "compensate.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "parked.h"
#include "revoke.h"
#include "saga.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

static void revoke(struct step *step, struct txn_branch *pivot)
{
    assert(pivot->kind == TXN_STEP_PIVOT && step->txn->cause != TXN_CAUSE_NONE);
    if (step->txn->state != TXN_STOPPING) /* else it was parked */
        txn_set_state(step->txn, TXN_STOPPING);
    txn_revoke(step, pivot);
}

/* Forced, and alone: no compensation leaves before it is durable [EARLYCOMP]. It is the abort row
 * of the attempt, so that it and a commit can never both be. */
static void turn(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->decision == TXN_UNDECIDED && txn->cause != TXN_CAUSE_NONE);
    txn_set_state(txn, TXN_TURNING);
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_TURNED,
                                     .branch = txn->cause_branch,
                                     .detail = (uint8_t)txn->cause});
    txn_persist(step, TXN_RECORD_DECISION, true)->decision = TXN_ABORT;
    txn_record_members(step);
    txn_record_people(step);
}

/* RUNNING: refused, spent, cancelled, timed out. */
void txn_stop(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    struct txn_branch *pivot = txn_pivot(txn);
    assert(!txn_forward_only(txn) && txn->decision == TXN_UNDECIDED);
    assert(cause != TXN_CAUSE_NONE);
    txn->cause = cause;
    txn->cause_branch = branch_number;
    if (pivot != NULL && txn_branch_may_have_acted(txn, pivot)) {
        revoke(step, pivot);
        return;
    }
    if (pivot != NULL && pivot->state == TXN_BRANCH_EXECUTING) { /* [NEVERLEFT] */
        pivot->retry_at.us = 0;
        txn_branch_set(txn, pivot, TXN_BRANCH_IDLE);
    }
    turn(step);
}

/* Revoked too late, the saga goes on where it was: a pivot that is done was sent when every
 * compensatable step was done, whatever this memory knows of them. */
static void go_forward(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn_forward_only(txn) && txn->decision == TXN_UNDECIDED);
    txn->cause = TXN_CAUSE_NONE;
    txn->cause_branch = 0;
    uint64_t again =
        txn->in[TXN_BRANCH_REFUSED] | txn->in[TXN_BRANCH_UNCERTAIN] | txn->in[TXN_BRANCH_IDLE];
    while (again != 0) {
        struct txn_branch *branch = txn_take(txn, &again);
        if (branch->state != TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
        branch->tries = 0;
    }
    txn_run_begin(step);
}

static void pivot_done(struct step *step, struct txn_branch *pivot)
{
    assert(pivot->kind == TXN_STEP_PIVOT);
    txn_step_done(step, pivot, step->event->of.result->output);
    go_forward(step);
}

static void revoke_answered(struct step *step, struct txn_branch *pivot)
{
    switch (txn_revoke_said(step->event->of.result)) {
    case TXN_REVOKE_ACTED:
        pivot_done(step, pivot);
        return;
    case TXN_REVOKE_NEVER:
        txn_branch_set(step->txn, pivot, TXN_BRANCH_ABORTED);
        pivot->retry_at.us = 0;
        turn(step);
        return;
    case TXN_REVOKE_UNCLEAR:
        txn_park(step, pivot);
        return;
    case TXN_REVOKE_OPEN:
        txn_revoke_later(step, pivot);
        return;
    }
}

void txn_pivot_said(struct step *step, struct txn_branch *pivot, bool acted)
{
    assert(pivot->kind == TXN_STEP_PIVOT && step->txn->state == TXN_STOPPING);
    pivot->retry_at.us = 0;
    txn_branch_set(step->txn, pivot, acted ? TXN_BRANCH_DONE : TXN_BRANCH_ABORTED);
    if (acted) {
        step->txn->was_done |= txn_bit(step->txn, pivot);
        go_forward(step);
    } else {
        turn(step);
        txn_owe(step, pivot, OP_ABORT);
    }
}

/* An answer to what was sent before it was to turn: what is known of the step. True: it was the
 * answer of a pivot that is done. */
static bool late_execute(struct step *step)
{
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_EXECUTE);
    if (branch == NULL)
        return false;
    if (branch->state == TXN_BRANCH_EXECUTING) {
        if (result->result == RESULT_DONE)
            txn_step_done(step, branch, result->output);
        else
            txn_branch_set(step->txn, branch,
                           result->result == RESULT_REFUSED ? TXN_BRANCH_REFUSED
                                                            : TXN_BRANCH_UNCERTAIN);
        branch->retry_at.us = 0;
        return false;
    }
    return branch->kind == TXN_STEP_PIVOT && result->result == RESULT_DONE &&
           (branch->state == TXN_BRANCH_ABORTING || branch->state == TXN_BRANCH_PARKED);
}

/* STOPPING. A refusal of the pivot's execute is not waited for: it does not clear an unknown try.
 */
void txn_on_stopping_result(struct step *step)
{
    const struct result *result = step->event->of.result;
    if (txn_earlier_answered(step))
        return;
    if (result->op == OP_EXECUTE) {
        if (late_execute(step))
            pivot_done(step, txn_pivot(step->txn));
        return;
    }
    struct txn_branch *branch = txn_answered(step, OP_ABORT);
    if (branch != NULL && branch->kind == TXN_STEP_PIVOT)
        revoke_answered(step, branch);
}

void txn_on_stopping_timer(struct step *step)
{
    txn_earlier_due(step);
    txn_resend_due(step, TXN_BRANCH_ABORTING, OP_ABORT);
}

static void revoke_again(struct step *step)
{
    struct txn_branch *pivot = txn_pivot(step->txn);
    assert(pivot != NULL && pivot->state == TXN_BRANCH_PARKED);
    revoke(step, pivot);
}

/* STOPPING: the outcome answers it, unless the pivot is parked: then that is asked once more, but
 * where an operator's word on it is on its way. */
void txn_on_stopping_cancel(struct step *step)
{
    if (txn_parked(step->txn) && step->txn->resolving == 0)
        revoke_again(step);
}

void txn_on_stopping_resumed(struct step *step)
{
    txn_on_earlier_resumed(step);
    if (txn_parked(step->txn) && step->txn->resolving == 0)
        revoke_again(step);
}

/* TURNING. */
void txn_on_turning_result(struct step *step)
{
    if (!txn_earlier_answered(step) && step->event->of.result->op == OP_EXECUTE)
        late_execute(step);
}

/* STOPPING, TURNING: `when` was looked at for a step that will not run now anyway. */
void txn_on_late_skipped(struct step *step)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch != NULL && branch->state == TXN_BRANCH_EXECUTING) {
        txn_branch_set(step->txn, branch, TXN_BRANCH_SKIPPED);
        branch->retry_at.us = 0;
    }
}

/* STOPPING, TURNING: this try was not sent; one before it may have been. */
void txn_on_late_unsent(struct step *step)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch != NULL && branch->state == TXN_BRANCH_EXECUTING) {
        txn_branch_set(step->txn, branch, TXN_BRANCH_UNCERTAIN);
        branch->retry_at.us = 0;
    }
}

/* TURNING: the turn is durable. A commit in its place that no memory here wrote is a contradiction.
 */
void txn_on_turned(struct step *step)
{
    const struct txn_event *event = step->event;
    if (event->of.durable.record != TXN_RECORD_DECISION ||
        event->of.durable.attempt != step->txn->attempt)
        return;
    step->txn->untold = step->txn->undo_unaccounted = 0; /* no leader has compensated before */
    if (event->of.durable.verdict == TXN_ALREADY && event->of.durable.standing != TXN_ABORT)
        txn_set_state(step->txn, TXN_LOST);
    else
        txn_compensate_begin(step);
}
