/* saga.c: a saga goes forward; so do the steps behind the pivot of a two-phase commit, once every
 * branch has acknowledged it [POSTEARLY].
 *
 * Steps run beside each other where `after` allows; the pivot when every compensatable step is
 * done, retriable steps behind it. No write is waited for between two steps: a new leader knows
 * that every step may have run [KNOWNONLY]. Unknown is neither success nor failure: the same again
 * under the same key, and when the retries are spent it may have run. From a pivot that is done on
 * the saga only goes forward: every step is tried without end, and parked when it is refused. */
#include "saga.h"
#include "answers.h"
#include "branch_states.h"
#include "conclude.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "order.h"
#include "parked.h"
#include "pivot.h"
#include "proof.h"
#include "revoke.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"
#include "tries.h"

static bool ready(const struct txn *txn, const struct txn_branch *branch)
{
    uint64_t open = txn_all(txn) & ~txn_passed(txn);
    uint64_t before = branch->after;
    switch (branch->kind) {
    case TXN_STEP_COMPENSATABLE:
        break;
    case TXN_STEP_RETRIABLE: /* a skip of the pivot is durable first: it cannot be asked later */
        if ((txn_of_kind(txn, TXN_STEP_PIVOT) & txn->in[TXN_BRANCH_SKIPPED]) != 0 &&
            txn->writing[TXN_RECORD_STEP] > 0)
            return false;
        before |= txn_of_kind(txn, TXN_STEP_COMPENSATABLE) | txn_of_kind(txn, TXN_STEP_PIVOT);
        break;
    case TXN_STEP_PIVOT:
        before |= txn_of_kind(txn, TXN_STEP_COMPENSATABLE);
        break;
    case TXN_STEP_KIND_COUNT:
        break;
    }
    return (before & open) == 0;
}

/* Sends what can go, and finds the end. */
void txn_run(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn_passed(txn) == txn_all(txn)) {
        txn_conclude(step, TXN_COMMIT);
        return;
    }
    for (uint64_t mask = txn->in[TXN_BRANCH_IDLE]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (!ready(txn, branch))
            continue;
        txn_branch_set(txn, branch, TXN_BRANCH_EXECUTING);
        txn_try(step, branch, OP_EXECUTE);
    }
}

void txn_run_begin(struct step *step)
{
    if (step->txn->state != TXN_RUNNING)
        txn_set_state(step->txn, TXN_RUNNING);
    txn_run(step);
}

/* COMMITTING: all branches have acknowledged the commit; now the steps behind the pivot. */
void txn_follow(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = txn->in[TXN_BRANCH_BEHIND]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
        if ((txn->worded & txn_bit(txn, branch)) != 0) /* before a new leader came */
            txn_forward_said(step, branch, branch->word == TXN_WORD_COMMITTED);
    }
    txn_run_begin(step);
}

/* Given up, it is told so: nothing of it runs later. */
void txn_forward_said(struct step *step, struct txn_branch *branch, bool done)
{
    struct txn *txn = step->txn;
    uint64_t bit = txn_bit(txn, branch);
    branch->retry_at.us = 0;
    txn->renews &= ~bit;
    txn_branch_set(txn, branch, done ? TXN_BRANCH_DONE : TXN_BRANCH_HEURISTIC);
    if (done) {
        txn->was_done |= bit;
        return;
    }
    txn->strayed |= bit;
    txn_owe(step, branch, OP_ABORT);
}

/* --- one step's result -------------------------------------------------------------------------
 */

void txn_step_done(struct step *step, struct txn_branch *branch, struct troth_span output)
{
    txn_branch_set(step->txn, branch, TXN_BRANCH_DONE);
    branch->retry_at.us = 0;
    step->txn->was_done |= txn_bit(step->txn, branch);
    if (output.data != NULL)
        branch->output = output;
    txn_persist_step(step, branch, RECORD_STEP_DONE);
}

static void refused(struct step *step, struct txn_branch *branch)
{
    branch->retry_at.us = 0;
    txn_branch_set(step->txn, branch, TXN_BRANCH_REFUSED);
    txn_stop(step, TXN_CAUSE_REFUSED, branch->number);
}

/* Forward only: an operator looks. */
static void park(struct step *step, struct txn_branch *branch, enum record_step_state state)
{
    txn_park_step(step, branch, state);
    txn_run(step);
}

/* What a pivot did its revocation finds out. What never left has not run [NEVERLEFT]. */
void txn_spent(struct step *step, struct txn_branch *branch, enum txn_cause cause)
{
    if ((step->txn->left & txn_bit(step->txn, branch)) == 0)
        txn_branch_set(step->txn, branch, TXN_BRANCH_IDLE);
    else if (branch->kind != TXN_STEP_PIVOT)
        txn_branch_set(step->txn, branch, TXN_BRANCH_UNCERTAIN);
    txn_stop(step, cause, branch->number);
}

static enum txn_cause spent_cause(const struct step *step, const struct txn_branch *branch)
{
    if (step->event->of.result->result == RESULT_CONFLICT)
        return TXN_CAUSE_CONFLICT;
    return branch->reachable ? TXN_CAUSE_TIMEOUT : TXN_CAUSE_UNREACHABLE;
}

/* No result: the same again under the same key, or the retries are spent. A conflict is no refusal:
 * the step has run nothing in that try, and comes again as after "not now". */
static void unknown(struct step *step, struct txn_branch *branch)
{
    const struct result *result = step->event->of.result;
    const struct txn_retry *retry = &branch->retry;
    if (branch->retry_at.us != 0 || txn_announced(step->txn, branch))
        return;
    if (result->result == RESULT_CONFLICT)
        txn_conflict_note(step, branch);
    if (txn_tries_spent(step->txn, branch, OP_EXECUTE)) {
        txn_spent(step, branch, spent_cause(step, branch));
        return;
    }
    txn_try_later(step, branch, retry, txn_retry_after(step));
    txn_persist_step(step, branch, RECORD_STEP_WAITING);
}

/* Refused behind the pivot. A step with nothing open waits for an operator, who tries it as a
 * new attempt. Where an earlier try may have acted it is revoked: it may be done already. */
static void refused_behind(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    if (step->event->unsent) {
        park(step, branch, RECORD_STEP_PARKED);
    } else if (txn_refusal_proves(step, branch)) {
        txn->renews |= txn_bit(txn, branch);
        park(step, branch, RECORD_STEP_REFUSED);
    } else {
        txn_revoke(step, branch);
    }
}

static void execute_answered(struct step *step)
{
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_EXECUTE);
    if (branch == NULL ||
        (branch->state != TXN_BRANCH_EXECUTING && branch->state != TXN_BRANCH_PARKED &&
         branch->state != TXN_BRANCH_ABORTING))
        return;
    if (result->result == RESULT_DONE) {
        txn_step_done(step, branch, result->output);
        txn_run(step);
    } else if (branch->state != TXN_BRANCH_EXECUTING) {
        return;
    } else if (result->result != RESULT_REFUSED) { /* also what makes no sense: nothing is known */
        unknown(step, branch);
    } else if (txn_forward_only(step->txn)) {
        refused_behind(step, branch);
    } else {
        refused(step, branch);
    }
}

/* Never acted: it was refused, and that is all. A participant that cannot say what became of it
 * leaves it to an operator at once, also where it has no such operation: nothing but the next try,
 * which is the same attempt, waits for that answer. */
static void revoke_answered(struct step *step)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_ABORT);
    if (branch == NULL || branch->state != TXN_BRANCH_ABORTING)
        return;
    enum txn_revoked said = txn_revoke_said(result);
    switch (result->result == RESULT_NO_OPERATION ? TXN_REVOKE_UNCLEAR : said) {
    case TXN_REVOKE_ACTED:
        txn_step_done(step, branch, result->output);
        txn_run(step);
        return;
    case TXN_REVOKE_NEVER:
        txn->unaccounted &= ~txn_bit(txn, branch);
        txn->renews |= txn_bit(txn, branch);
        park(step, branch, RECORD_STEP_REFUSED);
        return;
    case TXN_REVOKE_UNCLEAR:
        park(step, branch, RECORD_STEP_PARKED);
        return;
    case TXN_REVOKE_OPEN:
        txn_revoke_later(step, branch);
        return;
    }
}

/* RUNNING. */
void txn_on_step_result(struct step *step)
{
    if (txn_earlier_answered(step))
        return;
    if (step->event->of.result->op == OP_ABORT)
        revoke_answered(step);
    else
        execute_answered(step);
}

/* RUNNING: its `when` was false. Nothing was sent, by no leader: `when` always says the same. */
void txn_on_step_skipped(struct step *step)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch == NULL || branch->state != TXN_BRANCH_EXECUTING)
        return;
    txn_branch_set(step->txn, branch, TXN_BRANCH_SKIPPED);
    branch->retry_at.us = 0;
    txn_note_skipped(step, branch);
    txn_persist_step(step, branch, RECORD_STEP_SKIPPED);
    txn_run(step);
}

/* RUNNING: an input cannot be made. Behind the pivot an operator looks. */
void txn_on_step_unsendable(struct step *step)
{
    struct txn_branch *branch = txn_unsendable(step, TXN_BRANCH_EXECUTING);
    if (branch == NULL)
        return;
    if (txn_forward_only(step->txn)) {
        park(step, branch, RECORD_STEP_PARKED);
        return;
    }
    if ((step->txn->unaccounted & txn_bit(step->txn, branch)) != 0) {
        txn_spent(step, branch, TXN_CAUSE_INPUT);
        return;
    }
    txn_branch_set(step->txn, branch, TXN_BRANCH_IDLE); /* no leader ever sent it */
    txn_stop(step, TXN_CAUSE_INPUT, branch->number);
}

/* RUNNING: a step's record is durable: what waited for it goes. */
void txn_on_step_durable(struct step *step)
{
    if (step->event->of.durable.record != TXN_RECORD_STEP)
        return;
    txn_resend_steps(step, TXN_BRANCH_EXECUTING, OP_EXECUTE);
    txn_run(step);
}

void txn_on_running_timer(struct step *step)
{
    struct txn *txn = step->txn;
    txn_earlier_due(step);
    if (!txn_forward_only(txn) && txn_expired(txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_stop(step, TXN_CAUSE_TIMEOUT, 0);
        return;
    }
    txn_resend_steps(step, TXN_BRANCH_EXECUTING, OP_EXECUTE);
    txn_resend_due(step, TXN_BRANCH_ABORTING, OP_ABORT);
}

void txn_on_running_cancel(struct step *step)
{
    if (txn_forward_only(step->txn)) {
        txn_reply_refused(step, 0, TROTH_ERROR_ENDED);
        return;
    }
    txn_note_moment(step, TXN_MOMENT_CANCELLED);
    txn_stop(step, TXN_CAUSE_CANCELLED, 0);
}

/* RUNNING: an operator says: again. */
void txn_on_running_resumed(struct step *step)
{
    struct txn *txn = step->txn;
    txn_on_earlier_resumed(step);
    uint64_t parked = txn->in[TXN_BRANCH_PARKED] & ~txn->resolving; /* [RESOLVEDACTS] */
    if (parked == 0)
        return;
    for (uint64_t mask = parked; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_branch_set(txn, branch, TXN_BRANCH_EXECUTING);
        txn_try_resumed(step, branch, OP_EXECUTE);
    }
    txn_run(step);
}
