/* conflict.c: another transaction holds what a prepare needs, or has changed what it had read. The
 * attempt ends, or is tried again; order.c says when, and how. */
#include "conflict.h"
#include "decide.h"
#include "earlier.h"
#include "fallback.h"
#include "order.h"
#include "restart.h"
#include "shape.h"
#include "timer.h"

/* The branches that were asked in this attempt; also the one that met the conflict: its prepare may
 * come twice. */
static uint64_t asked(const struct txn *txn)
{
    return txn_members(txn) & ~txn->in[TXN_BRANCH_IDLE] & ~txn->in[TXN_BRANCH_SKIPPED];
}

/* One that has waited in order for as long as it could would have no more than what was kept back:
 * no attempt worth its write, and no time to find the holder of the lock. */
static bool too_late(const struct txn *txn, struct mono at)
{
    if (txn_in_order(txn))
        at.us += txn->origin->prepare_timeout_us / TXN_LOCK_WAIT_DIVISOR;
    return txn_too_late(txn, at);
}

/* PREPARING: one write ends the attempt and begins the next, the aborts leave beside it [NOEND].
 * The first attempt in order begins at once. What another step of the same attempt holds no waiting
 * frees, and no order either [OWNLOCK]. */
void txn_conflict(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    bool first = !txn_in_order(txn);
    assert(txn->state == TXN_PREPARING && branch->state == TXN_BRANCH_PREPARING);
    txn_conflict_note(step, branch);
    if (txn->origin->interactive) { /* the service did the work, and it is gone */
        txn_abort(step, TXN_CAUSE_CONFLICT, branch->number);
        return;
    }
    if (txn_gtid_known(&txn->blocker) && troth_gtid_equal(&txn->blocker, &txn->origin->gtid)) {
        txn_give_up(step, TXN_CAUSE_CONFLICT, branch->number);
        return;
    }
    struct mono at = first ? txn_after(step->now, 0) : txn_conflict_at(step);
    bool alone = (txn->in[TXN_BRANCH_IDLE] | txn_bit(txn, branch)) == txn_members(txn);
    if (too_late(txn, at) || (!alone && txn->attempt >= TROTH_ATTEMPT_MAX)) {
        txn_give_up(step, TXN_CAUSE_CONFLICT, branch->number);
    } else if (alone && !first) {
        txn_restart_same(step, branch, at);
    } else {
        txn_earlier_abort(step, asked(txn), txn->attempt);
        txn_restart(step, TXN_CAUSE_CONFLICT, branch->number, at);
    }
}
