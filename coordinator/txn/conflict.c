/* conflict.c: another transaction holds what a prepare needs, or has changed what it had read.
 *
 * Two transactions that prepare in parallel over the same rows of two participants may wait for
 * each other where no database sees the circle. So a parallel attempt waits for a lock only briefly
 * [LONGWAIT]; then its attempt ends at once, and the next prepares in order: by participant, then
 * by step, one after the other, each waiting as long as the prepare timeout leaves [ANYORDER]. Two
 * of these can not wait in a circle over participants. Inside one they can, where transactions have
 * several steps there, and so they can where what a step needs, or `after`, goes against that
 * order: there the younger gives way to the older that is prepared, at the participant [NOAGE], and
 * here comes back later than that one.
 *
 * The prepare timeout bounds all attempts together, from the first grant of slots on: a conflict
 * gives nobody more time. */
#include "core.h"

#define LOCK_WAIT_DIVISOR                                                                          \
    8u                    /* of what is left: kept back, so that the answer can say who held it */
#define WINDOW_DOUBLED 6u /* times at most */

bool txn_in_order(const struct txn *txn)
{
    return txn->attempt > 1 || txn->origin->ordered;
}

/* --- the order -------------------------------------------------------------------------------- */

static int text_compare(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    int sign = memcmp(a, b, a_len < b_len ? a_len : b_len);
    if (sign != 0)
        return sign;
    return (a_len > b_len) - (a_len < b_len);
}

/* The same for all transactions of a definition, whatever they are about. */
static bool goes_before(const struct txn_branch *a, const struct txn_branch *b)
{
    if (a->prepares_last != b->prepares_last)
        return b->prepares_last;
    int sign = text_compare(a->participant, b->participant);
    return sign != 0 ? sign < 0 : a->number < b->number;
}

/* The next of `ready` to prepare in order; 0: the one before it has not voted. */
uint64_t txn_next_in_order(const struct txn *txn, uint64_t ready)
{
    const struct txn_branch *next = NULL;
    if (txn->in[TXN_BRANCH_PREPARING] != 0)
        return 0;
    for (; ready != 0; ready &= ready - 1) {
        const struct txn_branch *branch = &txn->branches[__builtin_ctzll(ready)];
        if (next == NULL || goes_before(branch, next))
            next = branch;
    }
    return next == NULL ? 0 : txn_bit(txn, next);
}

/* --- waits ------------------------------------------------------------------------------------ */

/* How long a command may wait for locks: one that holds others up only briefly, and so that there
 * is time left for an attempt in order. Who holds nothing elsewhere may wait as one in order does.
 */
uint64_t txn_lock_wait(const struct txn *txn, enum message_op op, uint64_t timeout_us)
{
    uint64_t brief_us = txn->policy->conflict_lock_wait_us;
    if (op != OP_PREPARE && op != OP_EXECUTE && op != OP_COMPENSATE)
        return 0;
    if (op == OP_PREPARE && !txn_in_order(txn))
        return timeout_us != 0 && timeout_us / 2 < brief_us ? timeout_us / 2 : brief_us;
    return timeout_us - timeout_us / LOCK_WAIT_DIVISOR;
}

bool txn_gtid_known(const troth_gtid *gtid)
{
    static const troth_gtid none;
    return memcmp(gtid->bytes, none.bytes, sizeof none.bytes) != 0;
}

/* Within a shard gtids tell their order by themselves; between two, the clock does, and the shard
 * where that is the same: whoever compares two comes to the same end. */
static bool older(const troth_gtid *a, const troth_gtid *b)
{
    struct troth_gtid_parts left, right;
    troth_gtid_split(a, &left);
    troth_gtid_split(b, &right);
    if (left.unix_ms != right.unix_ms)
        return left.unix_ms < right.unix_ms;
    if (left.shard != right.shard)
        return left.shard < right.shard;
    return troth_gtid_order(a) < troth_gtid_order(b);
}

/* Longer with each conflict, and at random; the older of two that met comes back sooner. */
struct mono txn_conflict_at(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t window_us = txn->policy->conflict_interval_us;
    uint32_t doubled = txn->conflicts < WINDOW_DOUBLED ? txn->conflicts : WINDOW_DOUBLED;
    window_us <<= doubled;
    uint64_t sooner_us = window_us / 4;
    if (txn_gtid_known(&txn->blocker) && older(&txn->origin->gtid, &txn->blocker))
        return txn_after(step->now, txn_random_below(txn, sooner_us + 1));
    return txn_after(step->now, sooner_us + txn_random_below(txn, window_us - sooner_us + 1));
}

/* --- what it means ---------------------------------------------------------------------------- */

/* Said again when a failure is told; counted. */
void txn_conflict_note(struct step *step, const struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    txn->conflicts++;
    txn->conflict_branch = branch->number;
    txn->blocker = step->event->of.result->blocker;
}

bool txn_too_late(const struct txn *txn, struct mono at)
{
    return (txn->prepare_deadline.us != 0 && at.us >= txn->prepare_deadline.us) ||
           (txn->deadline.us != 0 && at.us >= txn->deadline.us);
}

/* Whoever was asked in this attempt; also who met the conflict: its prepare may come twice. */
static uint64_t asked(const struct txn *txn)
{
    return txn_members(txn) & ~txn->in[TXN_BRANCH_IDLE] & ~txn->in[TXN_BRANCH_SKIPPED];
}

/* One that has waited in order for as long as it could would have no more than what was kept back:
 * no attempt worth its write, and no time to find out who holds the lock. */
static bool too_late(const struct txn *txn, struct mono at)
{
    if (txn_in_order(txn))
        at.us += txn->origin->prepare_timeout_us / LOCK_WAIT_DIVISOR;
    return txn_too_late(txn, at);
}

/* PREPARING: one write ends the attempt and begins the next, the aborts leave beside it [NOEND].
 * The first attempt in order begins at once. */
void txn_conflict(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    bool first = !txn_in_order(txn);
    txn_conflict_note(step, branch);
    if (txn->origin->interactive) { /* the service did the work, and it is gone */
        txn_abort(step, TXN_CAUSE_CONFLICT, branch->number);
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

/* Between two attempts, or while one prepares: what is the reason that it is not in time? */
void txn_late(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->conflicts > 0)
        txn_give_up(step, TXN_CAUSE_CONFLICT, txn->conflict_branch);
    else
        txn_give_up(step, TXN_CAUSE_TIMEOUT, 0);
}
