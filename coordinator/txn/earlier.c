/* earlier.c: what is told beside all else until it is acknowledged: aborts of attempts before the
 * present one, and a decision behind an operator's word.
 *
 * When an attempt of a two-phase commit is given up for another one, its aborts go to its members,
 * beside whatever comes next [NOABORT], until each has acknowledged; what the guard refuses by then
 * it refuses for ever. A conflict sends them beside the write that ends the attempt [NOEND], for
 * this memory asks for no other decision of it; a fallback behind its write. An abort stands for
 * the attempts below it, too.
 *
 * An abort that is refused (409) makes no sense: it is parked. Nothing waits for it but the end. No
 * record says so: a new leader sends all these aborts again.
 *
 * Where an operator has said how a branch ended (by_hand.c), the transaction goes on as if the
 * branch had said so; but what was decided is told to it all the same, in this way, until it
 * answers or he gives that up, too. Nothing stays prepared because of a wrong word, and a branch
 * that ended otherwise is found out [RESOLVEDASKED]. */
#include "earlier.h"
#include "answers.h"
#include "branch_states.h"
#include "effects.h"
#include "history.h"
#include "shape.h"
#include "timer.h"

static enum message_op owed_op(const struct txn *txn, const struct txn_branch *branch)
{
    return (txn->owed_commits & txn_bit(txn, branch)) != 0 ? OP_COMMIT : OP_ABORT;
}

static void note(struct step *step, const struct txn_branch *branch, enum txn_moment moment,
                 uint8_t detail)
{
    txn_note(step,
             (struct txn_note){.moment = moment,
                               .branch = branch->number,
                               .attempt = branch->abort_attempt,
                               .detail = detail,
                               .op = owed_op(step->txn, branch),
                               .said = moment == TXN_MOMENT_ANSWERED ? step->event->of.result->said
                                                                     : TROUBLE_NONE});
}

static void owed_send(struct step *step, struct txn_branch *branch)
{
    enum message_op op = owed_op(step->txn, branch);
    assert((step->txn->owed & txn_bit(step->txn, branch)) != 0);
    branch->abort_tries++;
    branch->abort_at.us = 0;
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_SEND);
    effect->branch = branch;
    effect->op = op;
    effect->attempt = branch->abort_attempt;
    effect->again = txn_again_number(step->txn);
    effect->timeout_us = step->txn->policy->call_timeout_us;
    note(step, branch, TXN_MOMENT_SENT, (uint8_t)op);
}

/* Attempt `attempt` has ended: `members` are told, counted from zero. What is still owed for a
 * lower one is owed no more. */
void txn_earlier_abort(struct step *step, uint64_t members, uint32_t attempt)
{
    struct txn *txn = step->txn;
    assert(attempt >= 1 && attempt <= txn->attempt);
    txn->owed |= members;
    txn->owed_commits &= ~members;
    txn->owed_parked &= ~members;
    while (members != 0) {
        struct txn_branch *branch = txn_take(txn, &members);
        branch->abort_attempt = attempt;
        branch->abort_tries = 0;
        branch->abort_reason = (struct troth_span){NULL, 0};
        owed_send(step, branch);
    }
}

void txn_owe(struct step *step, struct txn_branch *branch, enum message_op op)
{
    struct txn *txn = step->txn;
    assert(op == OP_COMMIT || op == OP_ABORT);
    txn_earlier_done(txn, branch);
    txn->owed |= txn_bit(txn, branch);
    if (op == OP_COMMIT)
        txn->owed_commits |= txn_bit(txn, branch);
    branch->abort_attempt = txn_attempt_of(txn, branch);
    branch->abort_tries = 0;
    branch->abort_at = txn_backoff_at(step, 1, 0); /* it may be answering just now */
}

void txn_earlier_due(struct step *step)
{
    for (uint64_t mask = step->txn->owed; mask != 0;) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        if (txn_expired(branch->abort_at, step->now))
            owed_send(step, branch);
    }
}

/* It has acknowledged; or the abort of a higher attempt goes to it now. */
void txn_earlier_done(struct txn *txn, struct txn_branch *branch)
{
    txn->owed &= ~txn_bit(txn, branch);
    txn->owed_commits &= ~txn_bit(txn, branch);
    txn->owed_parked &= ~txn_bit(txn, branch);
    branch->abort_at.us = 0;
    branch->abort_reason = (struct troth_span){NULL, 0};
}

/* 409 to an abort makes no sense: an operator looks; the saga and the other aborts go on. */
static void park(struct step *step, struct txn_branch *branch)
{
    if ((step->txn->owed_parked & txn_bit(step->txn, branch)) != 0)
        return;
    step->txn->owed_parked |= txn_bit(step->txn, branch);
    branch->abort_at.us = 0;
    note(step, branch, TXN_MOMENT_PARKED, 0);
}

/* Unknown, or not now: the same again, unless it waits for that already or for an operator. */
static void owed_again(struct step *step, struct txn_branch *branch)
{
    if (branch->abort_at.us == 0 && (step->txn->owed_parked & txn_bit(step->txn, branch)) == 0)
        branch->abort_at = txn_backoff_at(step, branch->abort_tries, txn_retry_after(step));
}

/* RESTARTING … DECIDING, STOPPING, TURNING; and beside all else that is parked: an operator says:
 * again. */
void txn_on_earlier_resumed(struct step *step)
{
    uint64_t mask = step->txn->owed_parked;
    step->txn->owed_parked = 0;
    while (mask != 0) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        note(step, branch, TXN_MOMENT_RESUMED, 0);
        branch->abort_tries = 0;
        owed_send(step, branch);
    }
}

/* It was committed by hand, or rolled back: never silent. "Committed" is no sign of that behind a
 * fallback, nor once a later attempt has committed: that is what was done there. */
static bool by_hand(const struct txn *txn, const struct result *result)
{
    if (result->result == RESULT_HEURISTIC)
        return true;
    if (result->result != RESULT_DONE)
        return false;
    if (result->op == OP_COMMIT)
        return result->state == BRANCH_IS_ABORTED;
    bool tells = txn->protocol == TXN_PROTOCOL_2PC || result->attempt >= txn->attempt;
    return result->state == BRANCH_IS_COMMITTED && tells && txn->decision != TXN_COMMIT;
}

static void stray(struct txn *txn, struct txn_branch *branch, enum message_op op)
{
    txn->strayed |= txn_bit(txn, branch);
    if (op == OP_COMMIT && branch->state == TXN_BRANCH_COMMITTED)
        txn_branch_set(txn, branch, TXN_BRANCH_HEURISTIC);
    if (branch->abort_reason.data != NULL)
        branch->reason = branch->abort_reason;
}

/* Not to the present attempt, but for what is owed there. */
static bool about_owed(struct txn *txn, const struct result *result)
{
    if (result->op == OP_ABORT && result->attempt < txn->attempt)
        return true;
    struct txn_branch *branch = txn_branch_find(txn, result->branch);
    return branch != NULL && (txn->owed & txn_bit(txn, branch)) != 0 &&
           result->op == owed_op(txn, branch) && result->attempt == branch->abort_attempt;
}

/* An answer to what was owed. True: it was one. */
bool txn_earlier_answered(struct step *step)
{
    assert(step->event->kind == TXN_EVENT_RESULT);
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    if (!about_owed(txn, result))
        return false;
    struct txn_branch *branch = txn_branch_find(txn, result->branch);
    if (branch == NULL)
        return true;
    if ((txn->owed & txn_bit(txn, branch)) == 0 || result->attempt != branch->abort_attempt)
        return true;
    note(step, branch, TXN_MOMENT_ANSWERED, (uint8_t)result->result);
    if (result->reason.data != NULL)
        branch->abort_reason = result->reason;
    switch (result->result) {
    case RESULT_DONE:
    case RESULT_HEURISTIC:
        if (by_hand(txn, result))
            stray(txn, branch, result->op);
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
    owed_again(step, branch);
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
