/* conclude.c: the end of a saga. Its outcome is written by the write that makes it final: the last
 * result commits, the last compensation says compensated. While that write is in flight nothing may
 * stop it; when it is durable the client and Kafka are told. A transaction is forgotten only after
 * every acknowledgement, those of the aborts of the attempt before as well. */
#include "conclude.h"
#include "earlier.h"
#include "effects.h"
#include "end.h"
#include "shape.h"
#include "transition.h"

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
    assert(txn->outcome == TXN_OUTCOME_NONE && decision != TXN_UNDECIDED);
    assert(txn->decision == TXN_UNDECIDED || txn->decision == decision);
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

/* CONCLUDING: where the outcome is durable and every abort acknowledged it goes on to the end. A
 * participant that says only now that it ended otherwise makes the outcome mixed. */
void txn_concluded_settle(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->outcome == TXN_OUTCOME_NONE)
        return;
    if (txn->strayed != 0 && txn->outcome != TXN_OUTCOME_MIXED)
        txn_mixed(step, first_strayed(txn));
    if (txn->writing[TXN_RECORD_OUTCOME] == 0 && txn->owed == 0 && txn->resolving == 0)
        txn_close(step);
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
    txn_concluded_settle(step);
}

/* CONCLUDING. A turn in the place of our commit that no memory here wrote is a contradiction. */
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
    txn_concluded_settle(step);
}

/* CONCLUDING. */
void txn_on_concluding_result(struct step *step)
{
    if (txn_earlier_answered(step))
        txn_concluded_settle(step);
}

void txn_on_concluding_resumed(struct step *step)
{
    txn_on_earlier_resumed(step);
    txn_concluded_settle(step);
}
