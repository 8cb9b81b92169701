/* earlier.c: aborts of attempts before the present one.
 *
 * When an attempt of a two-phase commit is given up for another one, its aborts go to its members,
 * beside whatever comes next [NOABORT], until each has acknowledged; what the guard refuses by then
 * it refuses for ever. A conflict sends them beside the write that ends the attempt [NOEND], for
 * this memory asks for no other decision of it; a fallback behind its write. An abort stands for
 * the attempts below it, too.
 *
 * An abort that is refused (409) makes no sense: it is parked. Nothing waits for it but the end. No
 * record says so: a new leader sends all these aborts again. */
#include "earlier.h"
#include "answers.h"
#include "effects.h"
#include "history.h"
#include "shape.h"
#include "timer.h"

static void note(struct step *step, const struct txn_branch *branch, enum txn_moment moment,
                 uint8_t detail)
{
    txn_note(step,
             (struct txn_note){.moment = moment,
                               .branch = branch->number,
                               .attempt = branch->abort_attempt,
                               .detail = detail,
                               .op = OP_ABORT,
                               .said = moment == TXN_MOMENT_ANSWERED ? step->event->of.result->said
                                                                     : TROUBLE_NONE});
}

static void abort_send(struct step *step, struct txn_branch *branch)
{
    assert((step->txn->owed_aborts & txn_bit(step->txn, branch)) != 0);
    branch->abort_tries++;
    branch->abort_at.us = 0;
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_SEND);
    effect->branch = branch;
    effect->op = OP_ABORT;
    effect->attempt = branch->abort_attempt;
    effect->again = txn_again_number(step->txn);
    effect->timeout_us = step->txn->policy->call_timeout_us;
    note(step, branch, TXN_MOMENT_SENT, (uint8_t)OP_ABORT);
}

/* Attempt `attempt` has ended: `members` are told, counted from zero. What is still owed for a
 * lower one is owed no more. */
void txn_earlier_abort(struct step *step, uint64_t members, uint32_t attempt)
{
    struct txn *txn = step->txn;
    assert(attempt >= 1 && attempt <= txn->attempt);
    txn->owed_aborts |= members;
    txn->parked_aborts &= ~members;
    while (members != 0) {
        struct txn_branch *branch = txn_take(txn, &members);
        branch->abort_attempt = attempt;
        branch->abort_tries = 0;
        branch->abort_reason = (struct troth_span){NULL, 0};
        abort_send(step, branch);
    }
}

void txn_earlier_due(struct step *step)
{
    for (uint64_t mask = step->txn->owed_aborts; mask != 0;) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        if (txn_expired(branch->abort_at, step->now))
            abort_send(step, branch);
    }
}

/* It has acknowledged; or the abort of a higher attempt goes to it now. */
void txn_earlier_done(struct txn *txn, struct txn_branch *branch)
{
    txn->owed_aborts &= ~txn_bit(txn, branch);
    txn->parked_aborts &= ~txn_bit(txn, branch);
    branch->abort_at.us = 0;
    branch->abort_reason = (struct troth_span){NULL, 0};
}

/* 409 to an abort makes no sense: an operator looks; the saga and the other aborts go on. */
static void park(struct step *step, struct txn_branch *branch)
{
    if ((step->txn->parked_aborts & txn_bit(step->txn, branch)) != 0)
        return;
    step->txn->parked_aborts |= txn_bit(step->txn, branch);
    branch->abort_at.us = 0;
    note(step, branch, TXN_MOMENT_PARKED, 0);
}

/* Unknown, or not now: the same again, unless it waits for that already or for an operator. */
static void abort_again(struct step *step, struct txn_branch *branch)
{
    if (branch->abort_at.us == 0 && (step->txn->parked_aborts & txn_bit(step->txn, branch)) == 0)
        branch->abort_at = txn_backoff_at(step, branch->abort_tries, txn_retry_after(step));
}

/* RESTARTING … DECIDING, STOPPING, TURNING; and beside all else that is parked: an operator says:
 * again. */
void txn_on_earlier_resumed(struct step *step)
{
    uint64_t mask = step->txn->parked_aborts;
    step->txn->parked_aborts = 0;
    while (mask != 0) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        note(step, branch, TXN_MOMENT_RESUMED, 0);
        branch->abort_tries = 0;
        abort_send(step, branch);
    }
}

/* It was committed by hand: never silent. "Committed" is no sign of that behind a fallback,
 * nor once a later attempt has committed: that is what was done there. */
static bool by_hand(const struct txn *txn, const struct result *result)
{
    return result->result == RESULT_HEURISTIC ||
           (result->result == RESULT_DONE && result->state == BRANCH_IS_COMMITTED &&
            txn->protocol == TXN_PROTOCOL_2PC && txn->decision != TXN_COMMIT);
}

static void stray(struct txn *txn, struct txn_branch *branch)
{
    txn->strayed |= txn_bit(txn, branch);
    if (branch->abort_reason.data != NULL)
        branch->reason = branch->abort_reason;
}

/* An answer to such an abort. True: it was one. */
bool txn_earlier_answered(struct step *step)
{
    assert(step->event->kind == TXN_EVENT_RESULT);
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    if (result->op != OP_ABORT || result->attempt >= txn->attempt)
        return false;
    struct txn_branch *branch = txn_branch_find(txn, result->branch);
    if (branch == NULL)
        return true;
    if ((txn->owed_aborts & txn_bit(txn, branch)) == 0 || result->attempt != branch->abort_attempt)
        return true;
    note(step, branch, TXN_MOMENT_ANSWERED, (uint8_t)result->result);
    if (result->reason.data != NULL)
        branch->abort_reason = result->reason;
    switch (result->result) {
    case RESULT_DONE:
    case RESULT_HEURISTIC:
        if (by_hand(txn, result))
            stray(txn, branch);
        txn_earlier_done(txn, branch);
        return true;
    case RESULT_REFUSED:
        park(step, branch);
        return true;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    abort_again(step, branch);
    return true;
}

/* RESERVING, DECIDING, FALLING_BACK: nothing else is under way that is answered. */
void txn_on_earlier_result(struct step *step)
{
    (void)txn_earlier_answered(step);
}

void txn_on_earlier_timer(struct step *step)
{
    txn_earlier_due(step);
}
