/* doubt.c: the journal has lost what it had acknowledged (a standby was promoted that lagged
 * behind), and a row from before that says of this transaction that nothing is decided. It may have
 * been, and have been told. So it is neither aborted nor driven again [LOSTTAIL]: its branches are
 * asked what they know, and what they prove is decided once more.
 *
 * Two-phase commit: a branch that has committed proves the commit: all are told so. One with a
 * tombstone of this attempt proves that it was no commit, and nothing else does [WITNESS]; where a
 * later attempt may be lost, too, only if nobody is prepared, or committed. A delegated branch is
 * revoked, as behind a timeout: what it answers is the decision, as it was before. Of an
 * interactive one the members are not all known, so that it can only abort.
 *
 * A saga with a pivot that is done, or with a step that is done behind it, goes forward. Where a
 * step is not done (which one that may have been skipped does not prove by knowing nothing) it
 * cannot have committed, and turns: that undoes what was done, and what a lost turn had undone is
 * not undone twice.
 *
 * All else is not known by anybody: it is parked. An operator says what a branch came to, or gives
 * it up (aborted, by force), or asks again. */
#include "doubt.h"
#include "answers.h"
#include "branch_states.h"
#include "decide.h"
#include "earlier.h"
#include "effects.h"
#include "fallback.h"
#include "history.h"
#include "one_phase.h"
#include "parked.h"
#include "pivot.h"
#include "saga.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

#define FOUND(s) (txn->found[BRANCH_IS_##s])

bool txn_doubted(const struct txn *txn)
{
    return txn->doubtful && txn->decision == TXN_UNDECIDED &&
           (txn->protocol == TXN_PROTOCOL_2PC || !txn_forward_only(txn));
}

/* Who is asked: all that had a part in it, but those of which an operator said how they ended. */
static uint64_t witnesses(const struct txn *txn)
{
    return txn_all(txn) & ~(txn->in[TXN_BRANCH_BEHIND] | txn->in[TXN_BRANCH_SKIPPED] | txn->worded);
}

static uint64_t answered(const struct txn *txn)
{
    uint64_t mask = 0;
    for (uint32_t state = 0; state < BRANCH_IS_COUNT; state++)
        mask |= txn->found[state];
    return mask;
}

bool txn_doubt_parked(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_PARKED] != 0 && txn->in[TXN_BRANCH_ASKING] == 0;
}

static void park(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = txn->in[TXN_BRANCH_ASKING]; mask != 0;)
        txn_park(step, txn_take(txn, &mask));
}

/* Each is what it was before anybody was asked. */
static void unask(struct txn *txn, enum txn_branch_state state)
{
    for (uint64_t mask = txn->in[TXN_BRANCH_ASKING] | txn->in[TXN_BRANCH_PARKED]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (branch->state == TXN_BRANCH_PARKED)
            txn_branch_set(txn, branch, TXN_BRANCH_ASKING);
        branch->tries = 0;
        branch->retry_at.us = 0;
        txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
        if (state != TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, state);
    }
}

/* Who holds nothing any more has only read, or its guard's row has left. */
static void commit(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t nothing = FOUND(UNKNOWN);
    unask(txn, TXN_BRANCH_PREPARING);
    for (uint64_t mask = txn->in[TXN_BRANCH_PREPARING]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        bool reads = (nothing & txn_bit(txn, branch)) != 0;
        branch->vote = reads ? VOTE_READ_ONLY : VOTE_YES;
        txn_branch_set(txn, branch, reads ? TXN_BRANCH_READ_ONLY : TXN_BRANCH_PREPARED);
    }
    if (txn->attempt > 1) /* as for a new leader that finds the commit */
        txn_earlier_abort(step, txn_2pc_members(txn) & ~txn->in[TXN_BRANCH_PREPARED],
                          txn->attempt - 1);
    txn_commit(step);
}

static void abort_all(struct step *step, enum txn_cause cause)
{
    unask(step->txn, TXN_BRANCH_PREPARING);
    txn_abort(step, cause, 0);
}

static void judge_two_phase(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t holding = FOUND(COMMITTED) | FOUND(PREPARED);
    bool sole = txn->origin->interactive; /* it has no other attempt */
    if (FOUND(COMMITTED) != 0 && !sole)
        commit(step);
    else if (FOUND(ABORTED) != 0 && (holding == 0 || (sole && FOUND(COMMITTED) == 0)))
        abort_all(step, TXN_CAUSE_RESTARTED);
    else
        park(step);
}

/* What its branches say of steps that are done is kept, and written: a later leader must not find
 * what only makes sense behind it. A step behind the pivot says of that one, which has not acted,
 * that it was skipped. */
static void take_done(struct step *step)
{
    struct txn *txn = step->txn;
    struct txn_branch *pivot = txn_pivot(txn);
    unask(txn, TXN_BRANCH_IDLE);
    for (uint64_t mask = FOUND(COMMITTED) & txn->in[TXN_BRANCH_IDLE]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_step_done(step, branch, branch->output);
    }
    if (pivot == NULL || pivot->state != TXN_BRANCH_IDLE ||
        (FOUND(COMMITTED) & txn_of_kind(txn, TXN_STEP_RETRIABLE)) == 0)
        return;
    txn_branch_set(txn, pivot, TXN_BRANCH_EXECUTING);
    txn_branch_set(txn, pivot, TXN_BRANCH_SKIPPED);
    txn_persist_step(step, pivot, RECORD_STEP_SKIPPED);
}

static uint64_t conditional(const struct txn *txn)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].conditional)
            mask |= UINT64_C(1) << i;
    return mask;
}

static void judge_saga(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t pivot = txn_of_kind(txn, TXN_STEP_PIVOT);
    uint64_t forward = pivot | txn_of_kind(txn, TXN_STEP_RETRIABLE);
    uint64_t undone = FOUND(ABORTED) | FOUND(COMPENSATED) | FOUND(PREPARED);
    undone |= FOUND(UNKNOWN) & ~conditional(txn);
    if ((FOUND(COMMITTED) & forward) != 0) {
        take_done(step);
        txn_run_begin(step);
    } else if (undone == 0 || (FOUND(UNKNOWN) & pivot & conditional(txn)) != 0) {
        park(step);
    } else {
        unask(txn, TXN_BRANCH_IDLE); /* any of them may have run */
        txn_stop(step, TXN_CAUSE_RESTARTED, 0);
    }
}

static void judge(struct step *step)
{
    struct txn *txn = step->txn;
    if ((txn->in[TXN_BRANCH_ASKING] & ~answered(txn)) != 0)
        return;
    if (txn->protocol == TXN_PROTOCOL_SAGA)
        judge_saga(step);
    else
        judge_two_phase(step);
}

/* It may have fallen back, and then its steps say nothing of this attempt. */
static bool nobody_knows(const struct txn *txn)
{
    return txn->protocol == TXN_PROTOCOL_2PC && txn->origin->mode == TXN_MODE_2PC_THEN_SAGA;
}

static void ask_all(struct step *step)
{
    struct txn *txn = step->txn;
    memset(txn->found, 0, sizeof txn->found);
    for (uint64_t mask = txn->in[TXN_BRANCH_ASKING]; mask != 0;)
        txn_send(step, txn_take(txn, &mask), OP_STATUS);
}

void txn_doubt(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn_delegated(txn)) {
        txn_revoke_delegated(step, TXN_CAUSE_RESTARTED, 0);
        return;
    }
    txn_note_moment(step, TXN_MOMENT_DOUBTED);
    txn_set_state(txn, TXN_DOUBTFUL);
    for (uint64_t mask = witnesses(txn); mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn->in[branch->state] &= ~txn_bit(txn, branch); /* loaded: nothing followed from it */
        branch->tries = 0;
        branch->retry_at.us = 0;
        txn_branch_place(txn, branch, TXN_BRANCH_ASKING);
    }
    uint64_t said = txn->protocol == TXN_PROTOCOL_2PC ? txn->worded : 0;
    if (said != 0)
        txn_doubt_said(step, &txn->branches[__builtin_ctzll(said)],
                       txn->branches[__builtin_ctzll(said)].word == TXN_WORD_COMMITTED);
    else if (nobody_knows(txn))
        park(step);
    else
        ask_all(step);
}

/* The answer that counts is the first one that says anything; none is asked for again. */
void txn_on_doubt_result(struct step *step)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    struct txn_branch *branch = txn_answered(step, OP_STATUS);
    if (branch == NULL || branch->state != TXN_BRANCH_ASKING ||
        (answered(txn) & txn_bit(txn, branch)) != 0)
        return;
    if (result->result != RESULT_DONE || result->state == BRANCH_IS_UNSAID ||
        result->state >= BRANCH_IS_COUNT) {
        txn_again(step, branch, txn_retry_after(step));
        return;
    }
    branch->retry_at.us = 0;
    txn->found[result->state] |= txn_bit(txn, branch);
    if (result->state == BRANCH_IS_COMMITTED && result->output.data != NULL)
        branch->output = result->output;
    judge(step);
}

void txn_on_doubt_timer(struct step *step)
{
    txn_resend_due(step, TXN_BRANCH_ASKING, OP_STATUS);
}

/* An operator says: again. Of a saga of which every step is done he says by that: it stays so. */
void txn_on_doubt_resumed(struct step *step)
{
    struct txn *txn = step->txn;
    if (!txn_doubt_parked(txn) || nobody_knows(txn))
        return;
    txn_note_moment(step, TXN_MOMENT_RESUMED);
    if (txn->protocol == TXN_PROTOCOL_SAGA) {
        txn->deadline.us = 0; /* which turns nothing that he wants to stay */
        take_done(step);
        txn_run_begin(step);
        return;
    }
    for (uint64_t mask = txn->in[TXN_BRANCH_PARKED]; mask != 0;)
        txn_branch_set(txn, txn_take(txn, &mask), TXN_BRANCH_ASKING);
    ask_all(step);
}

/* As if the branch had said so: that decides. */
void txn_doubt_said(struct step *step, struct txn_branch *branch, bool committed)
{
    struct txn *txn = step->txn;
    txn->found[BRANCH_IS_UNKNOWN] &= ~txn_bit(txn, branch);
    if (committed)
        commit(step);
    else
        abort_all(step, TXN_CAUSE_CANCELLED);
}

/* He gives it up: nobody will ever know, and from now on it is aborted. */
void txn_doubt_given_up(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->protocol == TXN_PROTOCOL_2PC) {
        abort_all(step, TXN_CAUSE_CANCELLED);
        return;
    }
    unask(txn, TXN_BRANCH_IDLE);
    txn_stop(step, TXN_CAUSE_CANCELLED, 0);
}
