/* votes.c: what participants answer to prepares: votes are counted; a no, a conflict or the end of
 * the time ends the attempt. */
#include "votes.h"
#include "answers.h"
#include "branch_states.h"
#include "conflict.h"
#include "decide.h"
#include "earlier.h"
#include "effects.h"
#include "fallback.h"
#include "history.h"
#include "order.h"
#include "prepare.h"
#include "send.h"
#include "shape.h"
#include "timer.h"

static void go_on(struct step *step)
{
    if (txn_voted(step->txn) == txn_members(step->txn))
        txn_commit(step);
    else
        txn_prepare_ready(step);
}

static void voted(struct step *step, struct txn_branch *branch, enum txn_branch_state state)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    txn_branch_set(txn, branch, state);
    branch->vote = result->vote;
    branch->retry_at.us = 0;
    branch->output = result->output;
    if (state == TXN_BRANCH_READ_ONLY)
        txn_release(step, branch);
    go_on(step);
}

/* PREPARING: its `when` was false, so that it has nothing to commit: as if it had only read. */
void txn_on_skipped(struct step *step)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch == NULL || branch->state != TXN_BRANCH_PREPARING)
        return;
    txn_branch_set(step->txn, branch, TXN_BRANCH_SKIPPED);
    branch->vote = VOTE_READ_ONLY;
    branch->retry_at.us = 0;
    txn_note_skipped(step, branch);
    txn_release(step, branch);
    go_on(step);
}

/* What would leave so shortly before the deadline that nobody can answer it does not leave: its
 * "too late" would hide what the try before it was told. It waits for the deadline instead. */
static void prepare_again(struct step *step, struct txn_branch *branch, uint64_t at_least_us)
{
    const struct txn *txn = step->txn;
    struct mono end = txn_call_deadline(txn, OP_PREPARE);
    uint64_t needs_us = txn->origin->prepare_timeout_us / TXN_LOCK_WAIT_DIVISOR;
    if (needs_us > txn->policy->retry_interval_us)
        needs_us = txn->policy->retry_interval_us;
    txn_again(step, branch, at_least_us);
    if (end.us != 0 && branch->retry_at.us + needs_us >= end.us)
        branch->retry_at = end;
}

/* PREPARING. */
void txn_on_vote(struct step *step)
{
    const struct result *result = step->event->of.result;
    if (txn_earlier_answered(step))
        return;
    struct txn_branch *branch = txn_answered(step, OP_PREPARE);
    if (branch == NULL || branch->state != TXN_BRANCH_PREPARING)
        return;
    switch (result->result) {
    case RESULT_VOTE:
        if (result->vote == VOTE_YES) {
            voted(step, branch, TXN_BRANCH_PREPARED);
            return;
        }
        if (result->vote == VOTE_READ_ONLY) {
            voted(step, branch, TXN_BRANCH_READ_ONLY);
            return;
        }
        break;
    case RESULT_REFUSED:
        branch->vote = VOTE_NO;
        branch->output = result->output;
        txn_branch_set(step->txn, branch, TXN_BRANCH_REFUSED);
        txn_abort(step, TXN_CAUSE_REFUSED, branch->number);
        return;
    case RESULT_CONFLICT:
        txn_conflict(step, branch);
        return;
    case RESULT_RETRY:
    case RESULT_NO_OPERATION:
        prepare_again(step, branch, result->retry_after_us);
        return;
    case RESULT_UNKNOWN:
    case RESULT_DONE:
    case RESULT_HEURISTIC: /* not an answer to prepare: not understood, so nothing is known */
    case RESULT_COUNT:
        break;
    }
    if (step->event->down) /* others wait for what this one holds elsewhere */
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
    else
        prepare_again(step, branch, 0);
}

/* RESERVING: the host says that a participant is down, and no slot to be had there. Or an answer to
 * an abort of the attempt before. */
void txn_on_reserve_refused(struct step *step)
{
    if (txn_earlier_answered(step) || !step->event->down)
        return;
    struct txn_branch *branch = txn_answered(step, OP_PREPARE);
    if (branch != NULL && (step->txn->asking & txn_bit(step->txn, branch)) != 0)
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
}

/* PREPARING: an input cannot be made. An output that was lost a saga finds again; one that was
 * never there it would not find either. */
void txn_on_unsendable(struct step *step)
{
    const struct txn_branch *branch = txn_unsendable(step, TXN_BRANCH_PREPARING);
    if (branch == NULL)
        return;
    if ((branch->needs & txn_yes_without_output(step->txn)) != 0)
        txn_give_up(step, TXN_CAUSE_INPUT, branch->number);
    else
        txn_abort(step, TXN_CAUSE_INPUT, branch->number);
}

/* The first branch that was asked and has not voted is blamed. */
static void timed_out(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->in[TXN_BRANCH_PREPARING];
    txn_note_moment(step, TXN_MOMENT_TIMEOUT);
    if (mask == 0) {
        txn_late(step);
        return;
    }
    const struct txn_branch *branch = txn_take(txn, &mask);
    if (branch->retry_at.us != 0 && !branch->reachable)
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
    else if (txn->conflicts > 0)
        txn_late(step);
    else
        txn_give_up(step, TXN_CAUSE_TIMEOUT, branch->number);
}

/* RESERVING, PREPARING. */
void txn_on_prepare_timer(struct step *step)
{
    struct txn *txn = step->txn;
    txn_earlier_due(step);
    if (txn_expired(txn->deadline, step->now) || txn_expired(txn->prepare_deadline, step->now)) {
        timed_out(step);
        return;
    }
    txn_resend_due(step, TXN_BRANCH_PREPARING, OP_PREPARE);
}
