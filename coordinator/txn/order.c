/* order.c: in which order prepares go, how long each may wait for locks, and when a transaction
 * that met a conflict comes back.
 *
 * Two transactions that prepare in parallel over the same rows of two participants may wait for
 * each other where no database sees the circle. So a parallel attempt waits for a lock only briefly
 * [LONGWAIT]; then its attempt ends at once, and the next prepares in order: by participant, then
 * by step, one after the other, each waiting as long as the prepare timeout leaves [ANYORDER]. Two
 * of these cannot wait in a circle over participants. Inside one they can, where transactions have
 * several steps there, and so they can where what a step needs, or `after`, goes against that
 * order: there the younger gives way to the older that is prepared, at the participant [NOAGE], and
 * here comes back later than that one.
 *
 * The prepare timeout bounds all attempts together, from the first grant of slots on: a conflict
 * gives no more time. */
#include "order.h"
#include "shape.h"
#include "timer.h"

#define WINDOW_DOUBLED 6u /* times at most */

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
    assert((ready & ~txn->in[TXN_BRANCH_IDLE]) == 0);
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
 * is time left for an attempt in order. A branch beside which nothing is held may wait as one in
 * order does.
 */
uint64_t txn_lock_wait(const struct txn *txn, enum message_op op, uint64_t timeout_us)
{
    uint64_t brief_us = txn->policy->conflict_lock_wait_us;
    if (op != OP_PREPARE && op != OP_EXECUTE && op != OP_COMPENSATE)
        return 0;
    if (op == OP_PREPARE && !txn_in_order(txn))
        return timeout_us != 0 && timeout_us / 2 < brief_us ? timeout_us / 2 : brief_us;
    return timeout_us - timeout_us / TXN_LOCK_WAIT_DIVISOR;
}

/* Within a shard gtids tell their order by themselves; between two, the clock does, and the shard
 * where that is the same: every node that compares two comes to the same end. */
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

/* Said again when a failure is told; counted. */
void txn_conflict_note(struct step *step, const struct txn_branch *branch)
{
    assert(step->event->of.result->result == RESULT_CONFLICT);
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
