/* phase2.c: the branches of a two-phase commit are told its decision, until each has acknowledged
 * it; an operator looks where an answer makes no sense. */
#include "phase2.h"
#include "answers.h"
#include "branch_states.h"
#include "earlier.h"
#include "effects.h"
#include "end.h"
#include "history.h"
#include "parked.h"
#include "saga.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

void txn_tell(struct step *step, struct txn_branch *branch, enum txn_branch_state state,
              enum message_op op)
{
    if (op == OP_ABORT) /* it stands for lower attempts, too */
        txn_earlier_done(step->txn, branch);
    txn_branch_set(step->txn, branch, state);
    branch->tries = 0;
    txn_send(step, branch, op);
    step->txn->unanswered |= txn_bit(step->txn, branch);
}

void txn_commit_members(struct step *step)
{
    step->txn->strayed = 0; /* what an operator committed by hand is what was decided in the end */
    for (uint64_t mask = step->txn->in[TXN_BRANCH_PREPARED]; mask != 0;)
        txn_tell(step, txn_take(step->txn, &mask), TXN_BRANCH_COMMITTING, OP_COMMIT);
}

void txn_abort_members(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        if (branch->state == TXN_BRANCH_ENLISTING)
            txn_reply_refused(step, branch->number, TROTH_ERROR_ENDED);
        if (txn_branch_hears_abort(txn, branch))
            txn_tell(step, branch, TXN_BRANCH_ABORTING, OP_ABORT);
        else if (branch->state == TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, TXN_BRANCH_ABORTED);
        txn_release(step, branch); /* whether it is acknowledged or not [SLOTUNTILACK] */
    }
}

/* Against an abort whose row is not durable yet it is only kept: the row may say commit, and then
 * the branch is what was decided. */
void txn_heuristic(struct step *step, struct txn_branch *branch)
{
    assert(branch->state != TXN_BRANCH_HEURISTIC);
    txn_branch_set(step->txn, branch, TXN_BRANCH_HEURISTIC);
    branch->retry_at.us = 0;
    txn_release(step, branch);
    if (step->txn->decision != TXN_UNDECIDED)
        txn_mixed(step, branch);
}

/* Not while a mixed outcome is on its way to the journal: a client is told no less than is known,
 * and no more than is durable. */
void txn_reply_decided(struct step *step)
{
    if (step->txn->outcome == TXN_OUTCOME_NONE || txn_mixing(step->txn))
        return; /* steps behind the pivot make it final */
    txn_reply(step, TXN_REPLY_DECIDED);
    if (step->txn->unanswered == 0)
        txn_reply(step, TXN_REPLY_COMPLETED);
}

static void acknowledged(struct step *step, struct txn_branch *branch, enum message_op op)
{
    const struct result *result = step->event->of.result;
    enum message_state otherwise = op == OP_COMMIT ? BRANCH_IS_ABORTED : BRANCH_IS_COMMITTED;
    if (result->state == otherwise) {
        txn_heuristic(step, branch);
        return;
    }
    /* A repeated prepare votes without output: commit brings it. What an abort brings is none. */
    if (op == OP_COMMIT && result->output.data != NULL)
        branch->output = result->output;
    txn_branch_set(step->txn, branch, op == OP_COMMIT ? TXN_BRANCH_COMMITTED : TXN_BRANCH_ABORTED);
    branch->retry_at.us = 0;
}

static void phase2_answer(struct step *step, struct txn_branch *branch, enum message_op op)
{
    const struct result *result = step->event->of.result;
    switch (result->result) {
    case RESULT_DONE:
        acknowledged(step, branch, op);
        return;
    case RESULT_HEURISTIC:
        txn_heuristic(step, branch);
        return;
    case RESULT_REFUSED:
        txn_park(step, branch); /* 409 makes no sense here: an operator looks; the others go on */
        return;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    if (branch->state != TXN_BRANCH_PARKED)
        txn_again(step, branch, txn_retry_after(step));
}

/* It has answered once, or an operator has for it. */
static void heard(struct step *step, struct txn_branch *branch, uint64_t before)
{
    struct txn *txn = step->txn;
    txn->unanswered &= ~txn_bit(txn, branch);
    txn_release(step, branch); /* also where nothing was heard: it was tried [SLOTUNTILACK] */
    if (before != 0 && txn->unanswered == 0 && txn->decision != TXN_UNDECIDED &&
        txn->outcome != TXN_OUTCOME_NONE && !txn_mixing(txn))
        txn_reply(step, TXN_REPLY_COMPLETED);
}

/* As decided, or otherwise. It is told the decision all the same [RESOLVEDASKED]. */
void txn_phase2_said(struct step *step, struct txn_branch *branch, bool committed)
{
    struct txn *txn = step->txn;
    uint64_t before = txn->unanswered;
    bool commits = txn->decision == TXN_COMMIT;
    branch->retry_at.us = 0;
    if (committed != commits)
        txn_heuristic(step, branch);
    else
        txn_branch_set(txn, branch, commits ? TXN_BRANCH_COMMITTED : TXN_BRANCH_ABORTED);
    txn_owe(step, branch, commits ? OP_COMMIT : OP_ABORT);
    heard(step, branch, before);
}

/* COMMITTING, ABORTING. */
void txn_on_acknowledged(struct step *step)
{
    struct txn *txn = step->txn;
    enum message_op op = txn->decision == TXN_COMMIT ? OP_COMMIT : OP_ABORT;
    if (txn_earlier_answered(step)) {
        txn_settle(step);
        return;
    }
    struct txn_branch *branch = txn_answered(step, op);
    if (branch == NULL ||
        (branch->state != TXN_BRANCH_COMMITTING && branch->state != TXN_BRANCH_ABORTING &&
         branch->state != TXN_BRANCH_PARKED))
        return;
    uint64_t before = txn->unanswered;
    phase2_answer(step, branch, op);
    heard(step, branch, before);
    txn_settle(step);
}

/* COMMITTING, ABORTING: the record of a mixed outcome. */
void txn_on_outcome(struct step *step)
{
    if (step->event->of.durable.record != TXN_RECORD_OUTCOME || !txn_mixing(step->txn))
        return;
    step->txn->outcome = TXN_OUTCOME_MIXED;
    txn_publish(step, TXN_RECORD_OUTCOME);
    txn_reply_decided(step);
    txn_settle(step);
}

void txn_on_phase2_timer(struct step *step)
{
    txn_earlier_due(step);
    txn_resend_due(step, TXN_BRANCH_COMMITTING, OP_COMMIT);
    txn_resend_due(step, TXN_BRANCH_ABORTING, OP_ABORT);
}

/* COMMITTING, ABORTING: an operator says: again. */
void txn_on_phase2_resumed(struct step *step)
{
    struct txn *txn = step->txn;
    bool commits = txn->decision == TXN_COMMIT;
    uint64_t mask = txn->in[TXN_BRANCH_PARKED] & ~txn->resolving;
    txn_on_earlier_resumed(step);
    if (mask == 0) {
        txn_settle(step);
        return;
    }
    while (mask != 0) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RESUMED, .branch = branch->number});
        txn_branch_set(txn, branch, commits ? TXN_BRANCH_COMMITTING : TXN_BRANCH_ABORTING);
        branch->tries = 0;
        txn_send(step, branch, commits ? OP_COMMIT : OP_ABORT);
    }
}

/* All know the decision. Have those before it heard of the end of earlier attempts? And no end is
 * written before an operator's word is, which it may have to take back. */
static bool earlier_open(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t strayed = txn->strayed; strayed != 0;) {
        struct txn_branch *branch = txn_take(txn, &strayed);
        if (branch->state == TXN_BRANCH_ABORTED || branch->state == TXN_BRANCH_REFUSED)
            txn_branch_set(txn, branch, TXN_BRANCH_HEURISTIC);
        if (txn->concluding != TXN_OUTCOME_MIXED)
            txn_mixed(step, branch);
    }
    return txn->writing[TXN_RECORD_OUTCOME] > 0 || txn->owed != 0 || txn->resolving != 0;
}

/* Where all branches are told and all records written it goes on to the end. */
void txn_settle(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->decision == TXN_UNDECIDED || txn->writing[TXN_RECORD_OUTCOME] > 0 ||
        (txn->in[TXN_BRANCH_COMMITTING] | txn->in[TXN_BRANCH_ABORTING]) != 0)
        return;
    if (txn->in[TXN_BRANCH_PARKED] != 0)
        return;
    if (txn->decision == TXN_COMMIT && txn->outcome == TXN_OUTCOME_NONE)
        txn_follow(step);
    else if (!earlier_open(step))
        txn_close(step);
}
