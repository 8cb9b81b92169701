/* decide.c: the decision of an attempt, commit or abort.
 *
 * It is written once per attempt. The step that decides emits the record and nothing else that
 * speaks of it; the step that finds it durable sends, replies and publishes [EARLYSEND]. Aborts
 * need no row before they are sent (presumed abort), only before a client or Kafka is told. */
#include "decide.h"
#include "effects.h"
#include "end.h"
#include "history.h"
#include "phase2.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

static void decision_persist(struct step *step, enum txn_decision decision,
                             enum txn_outcome outcome)
{
    assert(decision == TXN_COMMIT || outcome == TXN_OUTCOME_ABORTED);
    struct txn_record *record = txn_persist(step, TXN_RECORD_DECISION, true);
    record->decision = decision;
    record->outcome = outcome;
    record->publishes = outcome != TXN_OUTCOME_NONE;
    txn_record_members(step);
    txn_record_people(step);
}

/* Of a commit: where steps follow the pivot, the last of them makes it final. */
static enum txn_outcome commit_outcome(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_BEHIND] != 0 ? TXN_OUTCOME_NONE : TXN_OUTCOME_COMMITTED;
}

/* Every member voted yes or read_only, and the list is closed [OPENLIST]. Where all voted
 * read_only, protocol.md's table asks for no forced write; the outcome is written like any other
 * all the same and the reply waits for it: what a client or Kafka is told is durable first (section
 * 1, rule 7). */
void txn_commit(struct step *step)
{
    assert(step->txn->decision == TXN_UNDECIDED && step->txn->cause == TXN_CAUSE_NONE);
    txn_set_state(step->txn, TXN_DECIDING);
    decision_persist(step, TXN_COMMIT, commit_outcome(step->txn));
}

/* Decides abort: aborts to all at once, and the row that lets others be told. */
void txn_abort(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    assert(txn->decision == TXN_UNDECIDED && cause != TXN_CAUSE_NONE);
    txn->cause = cause;
    txn->cause_branch = branch_number;
    if (txn->state == TXN_RESERVING)
        txn_emit(step, TXN_EFFECT_UNRESERVE);
    txn_set_state(txn, TXN_ABORTING);
    txn_abort_members(step);
    decision_persist(step, TXN_ABORT, TXN_OUTCOME_ABORTED);
}

/* The decision is durable as asked. */
static void decided(struct step *step, enum txn_decision decision)
{
    struct txn *txn = step->txn;
    uint64_t otherwise = txn->in[TXN_BRANCH_HEURISTIC];
    assert(txn->decision == TXN_UNDECIDED && decision != TXN_UNDECIDED);
    txn->decision = decision;
    txn->outcome = decision == TXN_COMMIT ? commit_outcome(txn) : TXN_OUTCOME_ABORTED;
    if (decision == TXN_COMMIT) {
        txn_set_state(txn, TXN_COMMITTING);
        txn_commit_members(step);
    }
    if (otherwise != 0)
        txn_mixed(step, txn_take(txn, &otherwise));
    txn_reply_decided(step);
    if (txn->outcome != TXN_OUTCOME_NONE)
        txn_publish(step, TXN_RECORD_DECISION);
    txn_settle(step);
}

static void adopt_commit(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->decision == TXN_UNDECIDED && txn->outcome == TXN_OUTCOME_NONE);
    txn->decision = TXN_COMMIT;
    txn->outcome = commit_outcome(txn);
    txn->cause = TXN_CAUSE_NONE;
    txn->cause_branch = 0;
    txn_set_state(txn, TXN_COMMITTING);
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        if (branch->state == TXN_BRANCH_ABORTED || branch->state == TXN_BRANCH_REFUSED)
            txn_heuristic(step, branch);
        else if (branch->state != TXN_BRANCH_READ_ONLY && branch->state != TXN_BRANCH_COMMITTED &&
                 branch->state != TXN_BRANCH_SKIPPED && branch->state != TXN_BRANCH_BEHIND)
            txn_tell(step, branch, TXN_BRANCH_COMMITTING, OP_COMMIT);
    }
}

static void adopt_abort(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->decision == TXN_UNDECIDED && txn->outcome == TXN_OUTCOME_NONE);
    txn->decision = TXN_ABORT;
    txn->outcome = TXN_OUTCOME_ABORTED;
    txn->cause = txn->cause != TXN_CAUSE_NONE ? txn->cause : TXN_CAUSE_RESTARTED;
    txn_set_state(txn, TXN_ABORTING);
    txn_abort_members(step);
    for (uint64_t mask = txn->in[TXN_BRANCH_COMMITTED]; mask != 0;)
        txn_heuristic(step, txn_take(txn, &mask));
}

/* The journal says that this attempt has a row already: what it decided holds, whatever was asked
 * for (protocol.md, section 1, rule 1). Its event is in the outbox since then. */
void txn_adopt(struct step *step, enum txn_decision standing)
{
    switch (standing) {
    case TXN_COMMIT:
        adopt_commit(step);
        break;
    case TXN_ABORT:
        adopt_abort(step);
        break;
    case TXN_UNDECIDED:
    case TXN_DECISION_COUNT: /* a row that decides nothing cannot stand in a decision's way */
        txn_set_state(step->txn, TXN_LOST);
        return;
    }
    txn_reply_decided(step);
    txn_settle(step);
}

/* A row that only begins or delegates met a decision: abort holds; a commit that no memory here
 * decided is a contradiction, and nothing safe is left to do in this memory. True: it was adopted.
 */
bool txn_adopt_early(struct step *step)
{
    assert(step->event->kind == TXN_EVENT_DURABLE && step->txn->decision == TXN_UNDECIDED);
    if (step->event->of.durable.verdict != TXN_ALREADY ||
        step->event->of.durable.standing == TXN_UNDECIDED)
        return false;
    if (step->event->of.durable.standing == TXN_ABORT)
        txn_adopt(step, TXN_ABORT);
    else
        txn_set_state(step->txn, TXN_LOST);
    return true;
}

static bool durable_decision(const struct step *step)
{
    assert(step->event->kind == TXN_EVENT_DURABLE);
    return step->event->of.durable.record == TXN_RECORD_DECISION &&
           step->event->of.durable.attempt == step->txn->attempt;
}

/* What the row says now: ours, or ours found written after an unknown COMMIT, or another's. */
static void row_said(struct step *step, enum txn_decision asked)
{
    if (step->event->of.durable.verdict == TXN_WRITTEN || step->event->of.durable.standing == asked)
        decided(step, asked);
    else
        txn_adopt(step, step->event->of.durable.standing);
}

/* DECIDING. */
void txn_on_decided(struct step *step)
{
    if (durable_decision(step))
        row_said(step, TXN_COMMIT);
}

/* ABORTING. */
void txn_on_aborted(struct step *step)
{
    if (!durable_decision(step))
        txn_on_outcome(step);
    else if (step->txn->decision == TXN_UNDECIDED)
        row_said(step, TXN_ABORT);
}

void txn_on_cancelled(struct step *step)
{
    txn_note_moment(step, TXN_MOMENT_CANCELLED);
    txn_abort(step, TXN_CAUSE_CANCELLED, 0);
}

/* Too late when it was decided otherwise; harmless when it is aborted anyway. */
void txn_on_cancelled_late(struct step *step)
{
    if (step->txn->decision == TXN_COMMIT)
        txn_reply_refused(step, 0, TROTH_ERROR_ENDED);
    else
        txn_reply_again(step);
}

/* OPEN, BEGINNING, DELEGATING: the whole timeout, and no command of ours has left. (Behind DELEGATE
 * the abort row follows in the same order; were it lost, a new leader would ask the branch.) */
void txn_on_nothing_sent_timer(struct step *step)
{
    if (!txn_expired(step->txn->deadline, step->now))
        return;
    txn_note_moment(step, TXN_MOMENT_TIMEOUT);
    txn_abort(step, TXN_CAUSE_TIMEOUT, 0);
}
