/* conclude.c: the end of a saga. Its outcome is written by the write that makes it final: the last
 * result commits, the last compensation says compensated. While that write is in flight nothing may
 * stop it; when it is durable the client and Kafka are told. A transaction is forgotten only after
 * every acknowledgement, those of the aborts of the attempt before as well. Where only parked ones
 * of these are left it is PARKED, with its outcome. */
#include "core.h"

static enum txn_record_kind outcome_record(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED ? TXN_RECORD_DECISION : TXN_RECORD_OUTCOME;
}

/* What the outcome is, or will be. */
static enum txn_outcome outcome_of(const struct txn *txn, enum txn_decision decision)
{
    if (txn->strayed != 0)
        return TXN_OUTCOME_MIXED;
    return decision == TXN_COMMIT ? TXN_OUTCOME_COMMITTED : TXN_OUTCOME_COMPENSATED;
}

static const struct txn_branch *first_strayed(struct txn *txn)
{
    uint64_t mask = txn->strayed;
    return txn_take(txn, &mask);
}

/* A saga's commit is the decision of its attempt; compensated, and committed where the decision was
 * that of a two-phase commit, are later outcomes of it. */
void txn_conclude(struct step *step, enum txn_decision decision)
{
    struct txn *txn = step->txn;
    txn_set_state(txn, TXN_CONCLUDING);
    txn->concluding = outcome_of(txn, decision);
    if (txn->strayed != 0) {
        txn->cause = TXN_CAUSE_HEURISTIC;
        txn->cause_branch = first_strayed(txn)->number;
    }
    struct txn_record *record = txn_persist(step, outcome_record(txn), true);
    record->decision = decision;
    record->outcome = txn->concluding;
    record->publishes = true;
    if (record->kind == TXN_RECORD_DECISION)
        txn_record_members(step);
    txn_record_people(step);
}

/* CONCLUDING, PARKED with an outcome: durable, and everybody told? Who says only now that it ended
 * otherwise makes the outcome mixed. */
static void settle(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->outcome == TXN_OUTCOME_NONE)
        return;
    if (txn->strayed != 0 && txn->outcome != TXN_OUTCOME_MIXED)
        txn_mixed(step, first_strayed(txn));
    bool writing = txn->writing[TXN_RECORD_OUTCOME] > 0;
    if (!writing && txn->fencing == 0) {
        txn_close(step);
        return;
    }
    bool parked = !writing && txn->fencing == txn->parked_aborts;
    if (parked != (txn->state == TXN_PARKED))
        txn_set_state(txn, parked ? TXN_PARKED : TXN_CONCLUDING);
}

static bool durable_outcome(const struct step *step)
{
    const struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    return txn->outcome == TXN_OUTCOME_NONE && event->of.durable.record == outcome_record(txn) &&
           (event->of.durable.record != TXN_RECORD_DECISION ||
            event->of.durable.attempt == txn->attempt);
}

/* The row of an outcome that became mixed behind another one. */
static void mixed_durable(struct step *step)
{
    struct txn *txn = step->txn;
    if (step->event->of.durable.record != TXN_RECORD_OUTCOME || !txn_mixing(txn))
        return;
    txn->outcome = TXN_OUTCOME_MIXED;
    txn_publish(step, TXN_RECORD_OUTCOME);
    settle(step);
}

/* CONCLUDING. A turn in the place of our commit that nobody here wrote is a contradiction. */
void txn_on_concluded(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (!durable_outcome(step)) {
        mixed_durable(step);
        return;
    }
    enum txn_record_kind kind = outcome_record(txn);
    if (kind == TXN_RECORD_DECISION) {
        if (event->of.durable.verdict == TXN_ALREADY && event->of.durable.standing != TXN_COMMIT) {
            txn_set_state(txn, TXN_LOST);
            return;
        }
        txn->decision = TXN_COMMIT;
    }
    txn->outcome = txn->concluding;
    txn_reply(step, TXN_REPLY_DECIDED);
    txn_reply(step, TXN_REPLY_COMPLETED);
    txn_publish(step, kind);
    settle(step);
}

/* CONCLUDING, PARKED with an outcome. */
void txn_on_concluding_result(struct step *step)
{
    if (txn_earlier_answered(step))
        settle(step);
}

void txn_on_concluding_resumed(struct step *step)
{
    txn_on_earlier_resumed(step);
    settle(step);
}

void txn_on_earlier_timer(struct step *step)
{
    txn_earlier_due(step);
}

/* --- a new leader ------------------------------------------------------------------------------
 */

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
    settle(step);
}

/* The steps behind the pivot are done, and began when all branches had acknowledged the commit. */
void txn_followed_recovered(struct step *step)
{
    for (uint64_t mask = step->txn->in[TXN_BRANCH_PREPARED]; mask != 0;)
        txn_branch_set(step->txn, txn_take(step->txn, &mask), TXN_BRANCH_COMMITTED);
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

/* RUNNING: the last try of a step was interrupted: what it did nobody knows. */
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

/* It goes on with its attempt. Whatever has no record may have run all the same [KNOWNONLY]; what
 * is recorded as done is not asked again. */
void txn_saga_recovered(struct step *step)
{
    struct txn *txn = step->txn;
    txn->untold = untold(txn);
    bound_schedules(step);
    if (txn->attempt > 1)
        txn_earlier_abort(step, txn_2pc_members(txn), txn->attempt - 1);
    if (txn->outcome != TXN_OUTCOME_NONE) {
        recovered_concluded(step);
        return;
    }
    if (txn->decision == TXN_ABORT) {
        txn_compensate_begin(step);
        return;
    }
    txn_set_state(txn, TXN_RUNNING);
    if (txn_passed(txn) != txn_all(txn) && !txn_forward_only(txn) &&
        txn_expired(txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_stop(step, TXN_CAUSE_TIMEOUT, 0);
        return;
    }
    if (!spent_before(step))
        txn_run(step);
}
