/* restart.c: the time between two attempts of a two-phase commit: behind a conflict, and when a new
 * leader finds one undecided: the write (attempt.c), and behind a conflict the wait for the next
 * try. A transaction that waits holds no slot: others can go. Where a conflict met a transaction
 * that holds nothing elsewhere, its attempt is not over: it is tried again without a write. */
#include "restart.h"
#include "attempt.h"
#include "branch_states.h"
#include "decide.h"
#include "earlier.h"
#include "effects.h"
#include "fallback.h"
#include "history.h"
#include "prepare.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

void txn_restart(struct step *step, enum txn_cause cause, uint32_t branch_number, struct mono at)
{
    struct txn *txn = step->txn;
    assert(cause != TXN_CAUSE_NONE && txn->attempt < TROTH_ATTEMPT_MAX);
    txn_attempt_end(step, txn_members(txn));
    txn->attempt++;
    txn->restart_at = at;
    txn_set_state(txn, TXN_RESTARTING);
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RESTARTED,
                                     .branch = branch_number,
                                     .detail = (uint8_t)cause});
}

/* No other branch was asked: the same attempt goes on, without a write. An earlier try of it
 * may still be under way, so that it must hear of an abort. */
void txn_restart_same(struct step *step, struct txn_branch *branch, struct mono at)
{
    struct txn *txn = step->txn;
    assert(txn->decision == TXN_UNDECIDED && txn->writing[TXN_RECORD_ATTEMPT] == 0);
    for (uint64_t mask = txn_members(txn); mask != 0;)
        txn_release(step, txn_take(txn, &mask));
    txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
    branch->retry_at.us = 0;
    txn->restart_at = at;
    txn_set_state(txn, TXN_RESTARTING);
}

/* RESTARTING, with nothing in flight: is it time? */
static void go_on(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->state == TXN_RESTARTING && txn->writing[TXN_RECORD_ATTEMPT] == 0);
    if (txn_expired(txn->deadline, step->now) || txn_expired(txn->prepare_deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_late(step);
        return;
    }
    if (!txn_expired(txn->restart_at, step->now))
        return;
    txn->restart_at.us = 0;
    txn_reserve(step);
}

/* RESTARTING: attempt n has ended and n + 1 begun; or it was cancelled meanwhile. */
void txn_on_restarted(struct step *step)
{
    struct txn *txn = step->txn;
    if (!txn_attempt_ended(step))
        return;
    if (txn->cause != TXN_CAUSE_NONE)
        txn_abort(step, txn->cause, 0);
    else
        go_on(step);
}

void txn_on_restarting_timer(struct step *step)
{
    txn_earlier_due(step);
    if (step->txn->writing[TXN_RECORD_ATTEMPT] == 0)
        go_on(step);
}

/* RESTARTING, FALLING_BACK: while the write is in flight no decision may be asked for; the wish is
 * kept as the cause that the abort will have. */
void txn_on_restarting_cancel(struct step *step)
{
    if (step->txn->cause != TXN_CAUSE_NONE)
        return;
    if (step->txn->writing[TXN_RECORD_ATTEMPT] == 0) {
        txn_on_cancelled(step);
        return;
    }
    txn_note_moment(step, TXN_MOMENT_CANCELLED);
    step->txn->cause = TXN_CAUSE_CANCELLED;
}
