/* end.c: an outcome that became mixed, the wait for Kafka's word, and the END record. */
#include "end.h"
#include "effects.h"
#include "history.h"
#include "timer.h"
#include "transition.h"

/* A branch ended otherwise than decided: outcome mixed, written and published, never silent. It is
 * the outcome when that is durable, and not before. */
void txn_mixed(struct step *step, const struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    assert(txn->decision != TXN_UNDECIDED);
    txn->cause = TXN_CAUSE_HEURISTIC;
    txn->cause_branch = branch->number;
    if (txn->concluding == TXN_OUTCOME_MIXED)
        return;
    txn->concluding = TXN_OUTCOME_MIXED;
    struct txn_record *record = txn_persist(step, TXN_RECORD_OUTCOME, true);
    record->decision = txn->decision;
    record->outcome = TXN_OUTCOME_MIXED;
    record->publishes = true;
    txn_record_people(step);
}

static void end(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->outcome != TXN_OUTCOME_NONE && txn->owed == 0);
    txn_note_moment(step, TXN_MOMENT_ENDED);
    struct txn_record *record = txn_persist(step, TXN_RECORD_END, false);
    record->decision = txn->decision;
    txn_record_people(step);
    txn_record_history(step);
    txn_set_state(txn, TXN_ENDED);
    txn_emit(step, TXN_EFFECT_ENDED);
}

/* All have acknowledged. The rest is to note Kafka's confirmation, for a bounded time. */
void txn_close(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->outcome != TXN_OUTCOME_NONE && txn->owed == 0);
    if (txn->unpublished == 0 || txn->policy->publish_grace_us == 0) {
        end(step);
        return;
    }
    txn->publish_deadline = txn_after(step->now, txn->policy->publish_grace_us);
    txn_set_state(txn, TXN_PUBLISHING);
}

void txn_on_published(struct step *step)
{
    if (step->txn->unpublished == 0)
        end(step);
}

void txn_on_publish_timer(struct step *step)
{
    if (txn_expired(step->txn->publish_deadline, step->now))
        end(step);
}
