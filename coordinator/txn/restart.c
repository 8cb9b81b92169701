/* restart.c: an attempt of a two-phase commit ends and the next one begins: behind a conflict, and
 * when a new leader finds it undecided. One forced write does both, and no message of attempt n + 1
 * leaves before it is durable [SAMEATT, EARLYSEND]. The aborts of attempt n go out beside it
 * (earlier.c).
 *
 * RESTARTING is the time between two attempts: the write, and behind a conflict the wait for the
 * next try. Whoever waits holds no slot: others can go. Where a conflict met a transaction that
 * holds nothing elsewhere, its attempt is not over: it is tried again without a write. */
#include "core.h"

/* What is left of attempt n in this memory: nothing. `members`: all that begin anew. */
static void forget(struct step *step, uint64_t members)
{
    struct txn *txn = step->txn;
    while (members != 0) {
        struct txn_branch *branch = txn_take(txn, &members);
        txn_release(step, branch);
        if (branch->state != TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
        branch->vote = VOTE_NONE;
        branch->tries = 0;
        branch->retry_at.us = 0;
        branch->output = (struct troth_span){NULL, 0}; /* of an attempt that never was */
    }
}

void txn_attempt_end(struct step *step, uint64_t members)
{
    forget(step, members);
    txn_persist(step, TXN_RECORD_ATTEMPT, true)->decision = TXN_ABORT;
    txn_record_members(step);
}

void txn_restart(struct step *step, enum txn_cause cause, uint32_t branch_number, struct mono at)
{
    struct txn *txn = step->txn;
    txn_attempt_end(step, txn_members(txn));
    txn->attempt++;
    txn->restart_at = at;
    txn_set_state(txn, TXN_RESTARTING);
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RESTARTED,
                                     .branch = branch_number,
                                     .detail = (uint8_t)cause});
}

/* Nobody but this branch was asked: the same attempt goes on, without a write. An earlier try of it
 * may still be under way, so that it must hear of an abort. */
void txn_restart_same(struct step *step, struct txn_branch *branch, struct mono at)
{
    struct txn *txn = step->txn;
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

bool txn_attempt_ended(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (event->of.durable.record != TXN_RECORD_ATTEMPT ||
        event->of.durable.attempt + 1 != txn->attempt)
        return false;
    if (event->of.durable.verdict != TXN_ALREADY || event->of.durable.standing == TXN_ABORT)
        return true;
    txn_set_state(txn, TXN_LOST); /* the attempt has committed: a contradiction */
    return false;
}

/* RESTARTING: attempt n has ended and n + 1 begun; or somebody cancelled meanwhile. */
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
