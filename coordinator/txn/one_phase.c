/* one_phase.c: a single branch needs no vote: it is told to execute and its answer is the decision.
 *
 * The row that delegates is durable before execute leaves [ONEPHASE0], so that a new leader asks
 * the branch and abort is not presumed. A branch that voted when it enlisted is never delegated to
 * [ONEPHASE1]. From the sending on a timeout or a cancel is a request: execute is revoked
 * (revoke.c), and what the branch answers (done already, or never) decides. So it is behind a
 * refusal that leaves an earlier try open [REFUSALPROVES]. */
#include "one_phase.h"
#include "answers.h"
#include "branch_states.h"
#include "decide.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "order.h"
#include "parked.h"
#include "proof.h"
#include "revoke.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

void txn_delegate(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn_one_phase_fits(txn)); /* [ONEPHASE1] */
    txn->delegated_branch = txn->branches[0].number;
    txn_set_state(txn, TXN_DELEGATING);
    txn_persist(step, TXN_RECORD_DELEGATE, true);
    txn_record_members(step);
}

void txn_execute(struct step *step)
{
    struct txn_branch *branch = &step->txn->branches[0];
    txn_set_state(step->txn, TXN_DELEGATED);
    txn_branch_set(step->txn, branch, TXN_BRANCH_EXECUTING);
    txn_send(step, branch, OP_EXECUTE);
}

/* DELEGATING: the row is there. */
void txn_on_delegated(struct step *step)
{
    if (step->event->of.durable.record != TXN_RECORD_DELEGATE ||
        step->event->of.durable.attempt != step->txn->attempt)
        return;
    if (!txn_adopt_early(step))
        txn_execute(step);
}

void txn_revoke_delegated(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    struct txn_branch *branch = &txn->branches[0];
    txn->cause = cause;
    txn->cause_branch = branch_number;
    if (txn->state != TXN_REVOKING) /* else it was parked */
        txn_set_state(txn, TXN_REVOKING);
    txn_revoke(step, branch);
}

/* The branch has committed: so it is decided. */
static void branch_committed(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    txn_branch_set(txn, branch, TXN_BRANCH_COMMITTED);
    branch->vote = VOTE_YES;
    branch->retry_at.us = 0;
    branch->output = step->event->of.result->output;
    txn->cause = TXN_CAUSE_NONE; /* it was revoked too late */
    txn->cause_branch = 0;
    txn_release(step, branch);
    txn_commit(step);
}

static void branch_refused(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    txn_branch_set(txn, branch, TXN_BRANCH_REFUSED);
    branch->vote = VOTE_NO;
    branch->retry_at.us = 0;
    branch->output = step->event->of.result->output;
    if (txn->cause == TXN_CAUSE_NONE)
        txn_abort(step, TXN_CAUSE_REFUSED, branch->number);
    else
        txn_abort(step, txn->cause, txn->cause_branch);
}

void txn_delegated_said(struct step *step, bool acted)
{
    struct txn *txn = step->txn;
    struct txn_branch *branch = &txn->branches[0];
    txn_branch_set(txn, branch, acted ? TXN_BRANCH_COMMITTED : TXN_BRANCH_ABORTED);
    branch->vote = acted ? VOTE_YES : VOTE_NO;
    branch->retry_at.us = 0;
    if (!acted) {
        bool known = txn->cause != TXN_CAUSE_NONE;
        txn_abort(step, known ? txn->cause : TXN_CAUSE_CANCELLED, txn->cause_branch);
        txn_owe(step, branch, OP_ABORT);
        return;
    }
    txn->cause = TXN_CAUSE_NONE;
    txn->cause_branch = 0;
    txn_release(step, branch);
    txn_commit(step);
}

static void park(struct step *step, struct txn_branch *branch)
{
    txn_park(step, branch);
    txn_release(step, branch);
}

/* A refusal behind a try without an answer: that one may have acted, and only the branch can tell.
 * Once that is asked, its answer is waited for. */
static void refusal_answered(struct step *step, struct txn_branch *branch)
{
    if (txn_refusal_proves(step, branch))
        branch_refused(step, branch);
    else if (branch->state == TXN_BRANCH_EXECUTING)
        txn_revoke_delegated(step, TXN_CAUSE_REFUSED, branch->number);
}

/* It holds nothing elsewhere, so that it may wait, and is tried again, as long as a prepare may
 * take.
 */
static void conflict(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    if (branch->retry_at.us != 0)
        return;
    txn_conflict_note(step, branch);
    if (txn->prepare_deadline.us == 0 && txn->origin->prepare_timeout_us != 0)
        txn->prepare_deadline = txn_after(step->now, txn->origin->prepare_timeout_us);
    branch->retry_at = txn_conflict_at(step);
    if (txn_too_late(txn, branch->retry_at))
        txn_revoke_delegated(step, TXN_CAUSE_CONFLICT, branch->number);
}

/* DELEGATED, and the late answers to execute behind its abort. Without end: unknown is asked again.
 */
void txn_on_executed(struct step *step)
{
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_EXECUTE);
    if (branch == NULL)
        return;
    switch (result->result) {
    case RESULT_DONE:
        branch_committed(step, branch);
        return;
    case RESULT_REFUSED:
        refusal_answered(step, branch);
        return;
    case RESULT_CONFLICT:
        if (branch->state == TXN_BRANCH_EXECUTING)
            conflict(step, branch);
        return;
    case RESULT_RETRY:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_HEURISTIC:
    case RESULT_COUNT:
        break;
    }
    if (branch->state == TXN_BRANCH_EXECUTING)
        txn_again(step, branch, txn_retry_after(step));
}

/* REVOKING: whatever the branch says first, to execute or to abort, is the decision. */
void txn_on_revoking_result(struct step *step)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    if (result->op == OP_EXECUTE) {
        txn_on_executed(step);
        return;
    }
    struct txn_branch *branch = txn_answered(step, OP_ABORT);
    if (branch == NULL)
        return;
    switch (txn_revoke_said(result)) {
    case TXN_REVOKE_ACTED:
        branch_committed(step, branch);
        return;
    case TXN_REVOKE_NEVER:
        txn_branch_set(txn, branch, TXN_BRANCH_ABORTED);
        branch->retry_at.us = 0;
        txn_abort(step, txn->cause, txn->cause_branch);
        return;
    case TXN_REVOKE_UNCLEAR:
        park(step, branch);
        return;
    case TXN_REVOKE_OPEN:
        txn_revoke_later(step, branch);
        return;
    }
}

void txn_on_executed_timer(struct step *step)
{
    if (txn_expired(step->txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_revoke_delegated(step, TXN_CAUSE_TIMEOUT, step->txn->delegated_branch);
        return;
    }
    txn_resend_due(step, TXN_BRANCH_EXECUTING, OP_EXECUTE);
}

void txn_on_revoking_timer(struct step *step)
{
    txn_resend_due(step, TXN_BRANCH_ABORTING, OP_ABORT);
}

void txn_on_delegated_cancel(struct step *step)
{
    txn_note_moment(step, TXN_MOMENT_CANCELLED);
    txn_revoke_delegated(step, TXN_CAUSE_CANCELLED, 0);
}

/* REVOKING: it is under way, unless it is parked: then a cancel asks the branch once more. */
void txn_on_revoking_cancel(struct step *step)
{
    if (txn_parked(step->txn) && step->txn->resolving == 0)
        txn_on_delegated_cancel(step);
}

void txn_on_revoking_resumed(struct step *step)
{
    if (txn_parked(step->txn) && step->txn->resolving == 0)
        txn_revoke_delegated(step, step->txn->cause, step->txn->cause_branch);
}

/* This memory sent nothing, but the leader before it may have: its branch is asked. */
void txn_on_delegated_unsendable(struct step *step)
{
    if (txn_unsendable(step, TXN_BRANCH_EXECUTING) != NULL)
        txn_revoke_delegated(step, TXN_CAUSE_INPUT, step->txn->delegated_branch);
}

/* DELEGATED: its `when` was false: there is nothing to commit, and that is decided. */
void txn_on_delegated_skipped(struct step *step)
{
    struct txn *txn = step->txn;
    struct txn_branch *branch = &txn->branches[0];
    if (step->event->of.number != txn->delegated_branch)
        return;
    txn_note_skipped(step, branch);
    txn_branch_set(txn, branch, TXN_BRANCH_SKIPPED);
    branch->vote = VOTE_READ_ONLY;
    branch->retry_at.us = 0;
    txn_release(step, branch);
    txn_commit(step);
}
