/* compensate.c: the turn is durable: what may have run is undone, in reverse order of dependency,
 * independent steps beside each other.
 *
 * A step whose end is not known may have run, or may still run: its compensation finds out and
 * leaves a tombstone where nothing ran. After a takeover that holds for every step [KNOWNONLY].
 * Retries count from zero; spent, they park the step and never drop it: the steps that it depends
 * on wait, independent ones go on. What is parked so is tried again by itself, at a slow pace: its
 * participant may have come back. What was refused waits for an operator. */
#include "compensate.h"
#include "answers.h"
#include "branch_states.h"
#include "conclude.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "parked.h"
#include "proof.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"
#include "tries.h"

#define ASK_TRIES_MAX 3u /* for an output; then the compensation goes without it */

/* Compensations that are not done yet. */
static uint64_t owing(const struct txn *txn)
{
    return txn_undoable(txn) &
           (txn->in[TXN_BRANCH_DONE] | txn->in[TXN_BRANCH_UNCERTAIN] | txn->in[TXN_BRANCH_ASKING] |
            txn->in[TXN_BRANCH_COMPENSATING] | txn->in[TXN_BRANCH_PARKED]);
}

/* All that ran, or would have run, behind a step, also over steps that were skipped. */
static uint64_t all_behind(const struct txn *txn, const struct txn_branch *branch)
{
    uint64_t mask = txn_bit(txn, branch);
    for (uint64_t before = 0; before != mask;) {
        before = mask;
        for (uint32_t i = 0; i < txn->branches_count; i++)
            if ((txn->branches[i].after & mask) != 0)
                mask |= UINT64_C(1) << i;
    }
    return mask & ~txn_bit(txn, branch);
}

/* A compensation that names the output of a step whose end is not known asks its branch first. The
 * answer may be that there is none: then it goes without. */
static bool asks(struct step *step, const struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = branch->compensate_needs & txn->in[TXN_BRANCH_UNCERTAIN] & ~txn->asked;
         mask != 0;) {
        struct txn_branch *other = txn_take(txn, &mask);
        txn->asked |= txn_bit(txn, other);
        if (other->output.data != NULL)
            continue;
        txn_branch_set(txn, other, TXN_BRANCH_ASKING);
        other->tries = 0;
        txn_send(step, other, OP_STATUS);
    }
    return (branch->compensate_needs & txn->in[TXN_BRANCH_ASKING]) != 0;
}

static void compensate_ready(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t open = owing(txn);
    assert(txn->state == TXN_COMPENSATING && txn->decision == TXN_ABORT); /* [EARLYCOMP] */
    for (uint64_t mask = open; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if ((branch->state != TXN_BRANCH_DONE && branch->state != TXN_BRANCH_UNCERTAIN) ||
            (all_behind(txn, branch) & open) != 0 || asks(step, branch))
            continue;
        txn_branch_set(txn, branch, TXN_BRANCH_COMPENSATING);
        branch->tries = 0;
        txn_try(step, branch, OP_COMPENSATE);
    }
    if (open == 0)
        txn_conclude(step, TXN_ABORT);
}

/* Of a step that is neither done nor undone. One that cannot be undone was revoked, or never sent.
 */
static bool may_have_run(const struct txn *txn, const struct txn_branch *branch)
{
    bool open = branch->state == TXN_BRANCH_EXECUTING || branch->state == TXN_BRANCH_IDLE ||
                branch->state == TXN_BRANCH_REFUSED;
    return open && branch->kind == TXN_STEP_COMPENSATABLE && txn_branch_may_have_acted(txn, branch);
}

/* Parked because its tries are spent: when it is tried again by itself. */
static void wait_slowly(struct step *step, struct txn_branch *branch)
{
    const struct txn *txn = step->txn;
    branch->retry_at.us = 0;
    if (txn->policy->parked_retry_us != 0 && txn_tries_spent(txn, branch, OP_COMPENSATE))
        branch->retry_at = txn_after(step->now, txn->policy->parked_retry_us);
}

static void park(struct step *step, struct txn_branch *branch, enum record_step_state state)
{
    txn_park_step(step, branch, state);
    if (state == RECORD_STEP_UNDO_PARKED)
        wait_slowly(step, branch);
}

/* TURNING, and a new leader that finds the turn. */
void txn_compensate_begin(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->decision != TXN_COMMIT && !txn_forward_only(txn));
    txn->decision = TXN_ABORT;
    txn_set_state(txn, TXN_COMPENSATING);
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        if (branch->state == TXN_BRANCH_PARKED)
            wait_slowly(step, branch);
        if (branch->state == TXN_BRANCH_COMPENSATING) {
            if (txn_tries_spent(txn, branch, OP_COMPENSATE)) /* the last one was interrupted */
                park(step, branch, RECORD_STEP_UNDO_PARKED);
            continue;
        }
        if (may_have_run(txn, branch))
            txn_branch_set(txn, branch, TXN_BRANCH_UNCERTAIN);
        else if (branch->state == TXN_BRANCH_EXECUTING && branch->kind == TXN_STEP_COMPENSATABLE)
            txn_branch_set(txn, branch, TXN_BRANCH_IDLE); /* [NEVERLEFT] */
        else if (branch->state == TXN_BRANCH_EXECUTING)   /* a pivot: revoked before the turn */
            txn_branch_set(txn, branch, TXN_BRANCH_ABORTED);
        else
            continue;
        branch->retry_at.us = 0;
    }
    compensate_ready(step);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void unknown(struct step *step, struct txn_branch *branch)
{
    const struct txn_retry *retry = &branch->compensate_retry;
    if (branch->state == TXN_BRANCH_PARKED || branch->retry_at.us != 0 ||
        txn_announced(step->txn, branch))
        return;
    if (txn_tries_spent(step->txn, branch, OP_COMPENSATE)) {
        park(step, branch, RECORD_STEP_UNDO_PARKED);
        return;
    }
    txn_try_later(step, branch, retry, txn_retry_after(step));
    txn_persist_step(step, branch, RECORD_STEP_UNDO_WAITING);
}

/* What left nothing open an operator tries as a new attempt. Where an earlier try may have undone
 * it, its branch is asked first. */
static void refused(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    if (step->event->of.result->result != RESULT_REFUSED || step->event->unsent) {
        park(step, branch, RECORD_STEP_UNDO_PARKED);
    } else if (txn_refusal_proves(step, branch)) {
        txn->renews |= txn_bit(txn, branch);
        park(step, branch, RECORD_STEP_UNDO_REFUSED);
    } else {
        txn->checking |= txn_bit(txn, branch);
        txn_branch_set(txn, branch, TXN_BRANCH_ASKING);
        branch->tries = 0;
        branch->retry_at.us = 0;
        txn_send(step, branch, OP_STATUS);
    }
}

/* Committed: it is not undone, and the refusal is all. A participant that cannot say leaves it to
 * an operator, and the next try is the same attempt. */
static void checked(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    txn->checking &= ~txn_bit(txn, branch);
    branch->retry_at.us = 0;
    if (result->result == RESULT_DONE && result->state == BRANCH_IS_COMPENSATED) {
        txn_branch_set(txn, branch, TXN_BRANCH_COMPENSATED);
        txn_persist_step(step, branch, RECORD_STEP_COMPENSATED);
    } else if (result->result == RESULT_DONE && result->state == BRANCH_IS_COMMITTED) {
        txn->undo_unaccounted &= ~txn_bit(txn, branch);
        txn->renews |= txn_bit(txn, branch);
        park(step, branch, RECORD_STEP_UNDO_REFUSED);
    } else {
        park(step, branch, RECORD_STEP_UNDO_PARKED);
    }
}

static void compensate_answered(struct step *step)
{
    struct txn_branch *branch = txn_answered(step, OP_COMPENSATE);
    if (branch == NULL ||
        (branch->state != TXN_BRANCH_COMPENSATING && branch->state != TXN_BRANCH_PARKED))
        return;
    switch (step->event->of.result->result) {
    case RESULT_DONE:
        txn_branch_set(step->txn, branch, TXN_BRANCH_COMPENSATED);
        branch->retry_at.us = 0;
        txn_persist_step(step, branch, RECORD_STEP_COMPENSATED);
        return;
    case RESULT_REFUSED:
    case RESULT_HEURISTIC: /* makes no sense: an operator looks */
        if (branch->state == TXN_BRANCH_COMPENSATING)
            refused(step, branch);
        return;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    unknown(step, branch);
}

void txn_undone_said(struct step *step, struct txn_branch *branch, bool undone)
{
    struct txn *txn = step->txn;
    branch->retry_at.us = 0;
    txn->renews &= ~txn_bit(txn, branch);
    txn_branch_set(txn, branch, undone ? TXN_BRANCH_COMPENSATED : TXN_BRANCH_HEURISTIC);
    if (!undone)
        txn->strayed |= txn_bit(txn, branch);
    compensate_ready(step);
}

static void status_answered(struct step *step)
{
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_STATUS);
    if (branch == NULL || branch->state != TXN_BRANCH_ASKING)
        return;
    bool answered = result->result == RESULT_DONE;
    if (!answered && branch->tries < ASK_TRIES_MAX) {
        txn_again(step, branch, txn_retry_after(step));
        return;
    }
    if ((step->txn->checking & txn_bit(step->txn, branch)) != 0) {
        checked(step, branch);
        return;
    }
    /* An output is that of the action. What comes with another state, or with none, is not: kept,
     * it would stand in the input of the compensation. */
    if (answered && result->state == BRANCH_IS_COMMITTED && result->output.data != NULL)
        branch->output = result->output;
    branch->retry_at.us = 0;
    txn_branch_set(step->txn, branch, TXN_BRANCH_UNCERTAIN); /* and may still run */
}

/* It came late; its output may still help the compensation. */
static void execute_answered(struct step *step)
{
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_EXECUTE);
    if (branch == NULL || result->result != RESULT_DONE || result->output.data == NULL ||
        branch->output.data != NULL)
        return;
    branch->output = result->output;
}

/* COMPENSATING. */
void txn_on_compensating_result(struct step *step)
{
    if (txn_earlier_answered(step))
        return;
    switch (step->event->of.result->op) {
    case OP_COMPENSATE:
        compensate_answered(step);
        break;
    case OP_STATUS:
        status_answered(step);
        break;
    case OP_EXECUTE:
        execute_answered(step);
        break;
    case OP_PREPARE:
    case OP_COMMIT:
    case OP_ABORT:
    case OP_COUNT:
        return;
    }
    compensate_ready(step);
}

/* COMPENSATING: its input cannot be made, although the outputs it names are known. */
void txn_on_compensating_unsendable(struct step *step)
{
    struct txn_branch *branch = txn_unsendable(step, TXN_BRANCH_COMPENSATING);
    if (branch == NULL)
        return;
    park(step, branch, RECORD_STEP_UNDO_PARKED);
    compensate_ready(step);
}

void txn_on_compensating_durable(struct step *step)
{
    if (step->event->of.durable.record == TXN_RECORD_STEP)
        txn_resend_steps(step, TXN_BRANCH_COMPENSATING, OP_COMPENSATE);
}

/* What was parked for long enough. false: nothing was. */
static bool again_by_itself(struct step *step)
{
    struct txn *txn = step->txn;
    bool any = false;
    if (txn->writing[TXN_RECORD_STEP] > 0)
        return false;
    for (uint64_t mask = txn->in[TXN_BRANCH_PARKED]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (!txn_expired(branch->retry_at, step->now))
            continue;
        any = true;
        branch->retry_at.us = 0;
        branch->tries = 0;
        txn_branch_set(txn, branch, TXN_BRANCH_COMPENSATING);
        txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RETRIED, .branch = branch->number});
        txn_try(step, branch, OP_COMPENSATE);
    }
    return any;
}

/* COMPENSATING. */
void txn_on_compensating_timer(struct step *step)
{
    txn_earlier_due(step);
    txn_resend_steps(step, TXN_BRANCH_COMPENSATING, OP_COMPENSATE);
    txn_resend_due(step, TXN_BRANCH_ASKING, OP_STATUS);
    if (again_by_itself(step))
        compensate_ready(step);
}

/* COMPENSATING: an operator says: again, and counts from zero. */
void txn_on_compensating_resumed(struct step *step)
{
    struct txn *txn = step->txn;
    txn_on_earlier_resumed(step);
    uint64_t parked = txn->in[TXN_BRANCH_PARKED] & ~txn->resolving; /* [RESOLVEDACTS] */
    if (parked == 0)
        return;
    for (uint64_t mask = parked; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        branch->retry_at.us = 0;
        txn_branch_set(txn, branch, TXN_BRANCH_COMPENSATING);
        txn_try_resumed(step, branch, OP_COMPENSATE);
    }
    compensate_ready(step);
}
