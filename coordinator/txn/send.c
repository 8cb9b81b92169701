/* send.c: the one way by which a command of the present attempt leaves for a participant. */
#include "send.h"
#include "effects.h"
#include "history.h"
#include "order.h"
#include "shape.h"
#include "timer.h"

static bool spoken(const struct txn *txn, const struct txn_branch *branch)
{
    return ((txn->resolving | txn->worded) & txn_bit(txn, branch)) != 0;
}

/* A command leaves only in the state of its branch that waits for its answer. No prepare or execute
 * leaves behind an abort, no compensation before the turn is durable [EARLYCOMP], no commit before
 * the decision is [EARLYSEND]. Nothing that acts leaves for a branch of which an operator says what
 * it came to, from the moment he says so [RESOLVEDACTS]. */
static bool may_leave(const struct txn *txn, const struct txn_branch *branch, enum message_op op)
{
    switch (op) {
    case OP_PREPARE:
        return branch->state == TXN_BRANCH_PREPARING && txn->decision == TXN_UNDECIDED;
    case OP_EXECUTE:
        return branch->state == TXN_BRANCH_EXECUTING && txn->decision != TXN_ABORT &&
               !spoken(txn, branch);
    case OP_COMMIT:
        return branch->state == TXN_BRANCH_COMMITTING && txn->decision == TXN_COMMIT;
    case OP_ABORT:
        return branch->state == TXN_BRANCH_ABORTING;
    case OP_COMPENSATE:
        return branch->state == TXN_BRANCH_COMPENSATING && txn->decision == TXN_ABORT &&
               !spoken(txn, branch);
    case OP_STATUS:
        return branch->state == TXN_BRANCH_ASKING &&
               (txn->decision == TXN_ABORT || txn->state == TXN_DOUBTFUL);
    case OP_COUNT:
        break;
    }
    return false;
}

void txn_send(struct step *step, struct txn_branch *branch, enum message_op op)
{
    assert(may_leave(step->txn, branch, op));
    branch->tries++;
    branch->retry_at.us = 0;
    step->txn->announced &= ~txn_bit(step->txn, branch);
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_SEND);
    effect->branch = branch;
    effect->op = op;
    effect->attempt = txn_attempt_of(step->txn, branch);
    effect->timeout_us = txn_call_timeout(step->txn, branch, op, step->now);
    effect->deadline = txn_call_deadline(step->txn, op);
    effect->again = op == OP_COMMIT || op == OP_ABORT ? txn_again_number(step->txn) : 0;
    effect->lock_wait_us = txn_lock_wait(step->txn, op, effect->timeout_us);
    effect->ordered = effect->lock_wait_us != 0 && (op != OP_PREPARE || txn_in_order(step->txn));
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_SENT,
                                     .branch = branch->number,
                                     .attempt = effect->attempt,
                                     .detail = (uint8_t)op,
                                     .op = op});
}

void txn_resend_due(struct step *step, enum txn_branch_state state, enum message_op op)
{
    for (uint64_t mask = step->txn->in[state]; mask != 0;) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        if (txn_expired(branch->retry_at, step->now))
            txn_send(step, branch, op);
    }
}
