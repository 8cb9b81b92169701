/* recovered.c: a new leader goes on with a transaction as it found it in the journal (recover.c).
 * All that it knows comes from there; whatever has no record may have happened all the same
 * [KNOWNONLY]. */
#include "recovered.h"
#include "branch_states.h"
#include "by_hand.h"
#include "compensate.h"
#include "conclude.h"
#include "decide.h"
#include "doubt.h"
#include "earlier.h"
#include "effects.h"
#include "fallback.h"
#include "history.h"
#include "image.h"
#include "leave.h"
#include "one_phase.h"
#include "phase2.h"
#include "pivot.h"
#include "restart.h"
#include "saga.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

/* What a step came to that has no record of its end (there was no memory for one,
 * txn_persist_step): the outcome says it. */
static enum txn_branch_state end_of(const struct txn *txn, const struct txn_branch *branch)
{
    if (txn->decision == TXN_COMMIT)
        return TXN_BRANCH_DONE;
    if (branch->state != TXN_BRANCH_EXECUTING)
        return TXN_BRANCH_COMPENSATED;
    return branch->kind == TXN_STEP_PIVOT ? TXN_BRANCH_ABORTED : TXN_BRANCH_UNCERTAIN;
}

/* The outcome is durable: what is left are the aborts of the attempt before, and the end. */
static void recovered_concluded(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t open = txn->in[TXN_BRANCH_EXECUTING] | txn->in[TXN_BRANCH_COMPENSATING] |
                    txn->in[TXN_BRANCH_PARKED];
    while (open != 0) {
        struct txn_branch *branch = txn_take(txn, &open);
        txn_branch_set(txn, branch, end_of(txn, branch));
        branch->retry_at.us = 0;
    }
    txn_set_state(step->txn, TXN_CONCLUDING);
    txn_reply_again(step);
    txn_concluded_settle(step);
}

/* The steps behind the pivot are done, and began when all branches had acknowledged the commit; but
 * for those of which an operator said so, which are still owed it. */
void txn_followed_recovered(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = txn->in[TXN_BRANCH_PREPARED]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_branch_set(txn, branch, TXN_BRANCH_COMMITTED);
        if ((txn->worded & txn_bit(txn, branch)) != 0)
            txn_owe(step, branch, OP_COMMIT);
    }
    recovered_concluded(step);
}

/* A schedule that another clock made lies between now and the longest wait (faults.md 17). */
static void bound_schedules(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        const struct txn_retry *retry =
            branch->state == TXN_BRANCH_COMPENSATING ? &branch->compensate_retry : &branch->retry;
        struct mono latest = txn_after(step->now, txn_retry_longest(txn, retry));
        if (branch->retry_at.us > latest.us)
            branch->retry_at = latest;
    }
}

/* Of these no record tells a try. Where it turned, of their compensation. */
static uint64_t untold(const struct txn *txn)
{
    if (txn->decision != TXN_ABORT)
        return txn->in[TXN_BRANCH_IDLE];
    return txn_all(txn) & ~(txn->in[TXN_BRANCH_COMPENSATING] | txn->in[TXN_BRANCH_PARKED] |
                            txn->in[TXN_BRANCH_COMPENSATED]);
}

/* RUNNING: the last try of a step was interrupted: what it did is not known. */
static bool spent_before(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = txn->in[TXN_BRANCH_EXECUTING]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (!txn_tries_spent(txn, branch, OP_EXECUTE))
            continue;
        branch->retry_at.us = 0;
        txn_spent(step, branch, TXN_CAUSE_RESTARTED);
        return true;
    }
    return false;
}

static bool pivot_given_up(struct txn *txn)
{
    const struct txn_branch *pivot = txn_pivot(txn);
    return pivot != NULL && pivot->state == TXN_BRANCH_ABORTED;
}

/* It goes on with its attempt. Whatever has no record may have run all the same [KNOWNONLY]; what
 * is recorded as done is not asked again. */
void txn_saga_recovered(struct step *step)
{
    struct txn *txn = step->txn;
    txn->untold = untold(txn);
    bound_schedules(step);
    if (txn->attempt > 1)
        txn_earlier_abort(step, txn_2pc_members(txn), txn->attempt - 1);
    txn_words_recovered(step);
    if (txn->outcome != TXN_OUTCOME_NONE) {
        recovered_concluded(step);
        return;
    }
    if (txn->decision == TXN_ABORT) {
        txn_compensate_begin(step);
        return;
    }
    if (txn_doubted(txn)) { /* [LOSTTAIL] */
        txn_doubt(step);
        return;
    }
    txn_set_state(txn, TXN_RUNNING);
    if (txn_passed(txn) != txn_all(txn) && !txn_forward_only(txn) &&
        txn_expired(txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_stop(step, TXN_CAUSE_TIMEOUT, 0);
        return;
    }
    if (pivot_given_up(txn)) { /* and the leader before died behind that record */
        txn_stop(step, TXN_CAUSE_CANCELLED, 0);
        return;
    }
    if (!spent_before(step))
        txn_run(step);
}

/* What was accepted is driven again as a new attempt [SAMEATT]. The one that ends may be prepared
 * anywhere, and the leader before may have told no branch of it [NOENDLATER]. */
static void restart(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->branches_count > 1) /* a single branch was asked for nothing: no row delegates to it */
        txn_earlier_abort(step, txn_members(txn), txn->attempt);
    txn_restart(step, TXN_CAUSE_RESTARTED, 0, txn_after(step->now, 0));
}

static void undecided(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn_delegated(txn) && txn->worded != 0)
        txn_delegated_said(step, txn->branches[0].word == TXN_WORD_COMMITTED);
    else if (txn_doubted(txn))
        txn_doubt(step);
    else if (txn_delegated(txn))
        txn_execute(step); /* the branch decides: ask it */
    else if (txn->handed && txn_expired(txn->deadline, step->now))
        txn_abort(step, TXN_CAUSE_TIMEOUT, 0);
    else if (txn->handed && txn->origin->interactive)
        txn_handed_go_on(step);
    else if (txn->handed && txn->attempt < TROTH_ATTEMPT_MAX)
        restart(step);
    else if (txn_falls_back(txn) && !txn_expired(txn->deadline, step->now))
        txn_fall_back(step, TXN_CAUSE_RESTARTED, 0);
    else if (!txn->origin->accepted || txn->origin->interactive ||
             txn->attempt >= TROTH_ATTEMPT_MAX)
        txn_abort(step, TXN_CAUSE_RESTARTED, 0);
    else if (txn_expired(txn->deadline, step->now))
        txn_abort(step, TXN_CAUSE_TIMEOUT, 0);
    else
        restart(step);
}

/* A branch that is told to commit has ended what was before, and so has one that prepared for that
 * attempt. One that has nothing to commit may have been prepared in an attempt before it. */
static void earlier_of_commit(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->attempt > 1)
        txn_earlier_abort(step, txn_2pc_members(txn) & ~txn->in[TXN_BRANCH_PREPARED],
                          txn->attempt - 1);
}

void txn_on_recovered(struct step *step)
{
    struct txn *txn = step->txn;
    txn_note_moment(step, TXN_MOMENT_RECOVERED);
    txn->unaccounted = txn->undo_unaccounted = txn->left = txn_all(txn);
    if (!txn_recovered_fits(txn)) {
        txn_set_state(txn, TXN_LOST);
        return;
    }
    if (txn->protocol == TXN_PROTOCOL_SAGA) {
        txn_saga_recovered(step);
        return;
    }
    txn_leave_behind(txn);
    switch (txn->decision) {
    case TXN_COMMIT:
        earlier_of_commit(step);
        if (txn_following(txn)) { /* its outcome is final */
            txn_followed_recovered(step);
            return;
        }
        txn_set_state(txn, TXN_COMMITTING);
        txn_commit_members(step);
        txn_words_recovered(step);
        break;
    case TXN_ABORT:
        txn_set_state(txn, TXN_ABORTING);
        txn_abort_members(step);
        txn_words_recovered(step);
        break;
    case TXN_UNDECIDED:
    case TXN_DECISION_COUNT:
        undecided(step);
        return;
    }
    txn_reply_again(step); /* a client may have asked for it again */
    txn_settle(step);
}
