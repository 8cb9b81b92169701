/* tries.c: how often an operation of a saga may be tried. A limit of two means two tries, also
 * across restarts, and whenever the coordinator died [TRYCOUNT] (faults.md 24; tests/sim:
 * try-uncounted).
 *
 * The first try leaves without a write, as every step may have run after a takeover anyway
 * [KNOWNONLY]; so a new leader that finds no record of a step counts one try. Every try behind the
 * first, and the only one where the limit is one, is durable before it leaves: the journal never
 * counts less than was sent, and at most one more for each leader there was, for one that dies
 * behind its record takes the try with it. What has no limit is not counted there; but the first
 * try of a new attempt of a step, which an operator asked for, is durable, too [RAISELAZY]. */
#include "tries.h"
#include "effects.h"
#include "history.h"
#include "send.h"
#include "shape.h"
#include "timer.h"

void txn_try(struct step *step, struct txn_branch *branch, enum message_op op)
{
    struct txn *txn = step->txn;
    assert(op == OP_EXECUTE || op == OP_COMPENSATE);
    uint64_t bit = txn_bit(txn, branch);
    uint32_t limit = txn_tries_limit(txn, branch, op);
    if ((txn->untold & bit) != 0 && branch->tries == 0 && limit > 1)
        branch->tries = 1;
    txn->untold &= ~bit;
    if ((txn->raising & bit) == 0 && (limit == 0 || (branch->tries == 0 && limit > 1))) {
        txn_send(step, branch, op);
        return;
    }
    branch->retry_at.us = 0;
    if (txn_persist_step(step, branch,
                         op == OP_COMPENSATE ? RECORD_STEP_UNDO_TRYING : RECORD_STEP_TRYING)) {
        txn->announced |= bit;
        txn->raising &= ~bit;
    } else {
        branch->retry_at = txn_after(step->now, txn->policy->retry_interval_us);
    }
}

/* What is announced goes first: its time has come already. */
void txn_resend_steps(struct step *step, enum txn_branch_state state, enum message_op op)
{
    struct txn *txn = step->txn;
    if (txn->writing[TXN_RECORD_STEP] > 0)
        return;
    for (uint64_t mask = txn->announced & txn->in[state]; mask != 0;)
        txn_send(step, txn_take(txn, &mask), op);
    for (uint64_t mask = txn->in[state]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (txn_expired(branch->retry_at, step->now))
            txn_try(step, branch, op);
    }
}

void txn_try_resumed(struct step *step, struct txn_branch *branch, enum message_op op)
{
    struct txn *txn = step->txn;
    uint64_t bit = txn_bit(txn, branch);
    branch->tries = 0;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RESUMED, .branch = branch->number});
    if ((txn->renews & bit) != 0 && txn->attempt + branch->raised < TROTH_ATTEMPT_MAX) {
        branch->raised++;
        txn->raising |= bit;
        if (op == OP_COMPENSATE) /* of the new attempt nothing has left */
            txn->undo_unaccounted &= ~bit;
        else
            txn->unaccounted &= ~bit;
    }
    txn->renews &= ~bit;
    txn_try(step, branch, op);
}
