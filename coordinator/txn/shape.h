/* shape.h: pure questions about a transaction, and masks of its branches. Below all else. */
#ifndef TXN_SHAPE_H
#define TXN_SHAPE_H

#include "core.h"

/* Masks: bit i for branches[i]. */
static inline uint64_t txn_bit(const struct txn *txn, const struct txn_branch *branch)
{
    assert(branch >= txn->branches && branch < txn->branches + txn->branches_count);
    return UINT64_C(1) << (branch - txn->branches);
}

static inline uint64_t txn_all(const struct txn *txn)
{
    return txn->branches_count == 64 ? ~UINT64_C(0)
                                     : (UINT64_C(1) << txn->branches_count) - UINT64_C(1);
}

/* Of a two-phase commit: all but the steps behind the pivot. */
static inline uint64_t txn_members(const struct txn *txn)
{
    return txn_all(txn) & ~txn->in[TXN_BRANCH_BEHIND];
}

static inline uint64_t txn_voted(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_PREPARED] | txn->in[TXN_BRANCH_READ_ONLY] |
           txn->in[TXN_BRANCH_SKIPPED];
}

/* Takes the lowest branch out of a mask: for (mask = …; mask != 0;) branch = txn_take(txn, &mask);
 */
static inline struct txn_branch *txn_take(struct txn *txn, uint64_t *mask)
{
    assert(*mask != 0 && (*mask & ~txn_all(txn)) == 0);
    int i = __builtin_ctzll(*mask);
    *mask &= *mask - 1;
    return &txn->branches[i];
}

static inline bool txn_delegated(const struct txn *txn)
{
    return txn->delegated_branch != 0;
}

/* Steps that need nothing more on the way forward: done, skipped, committed or read only. */
uint64_t txn_passed(const struct txn *txn);
uint64_t txn_of_kind(const struct txn *txn, enum txn_step_kind kind);
/* NULL: it has none. */
struct txn_branch *txn_pivot(struct txn *txn);
/* The steps behind the pivot of a two-phase commit that has committed run now. */
bool txn_following(const struct txn *txn);
/* Nothing is undone any more: committed, or the pivot is passed. */
bool txn_forward_only(const struct txn *txn);
/* Steps that have a compensation. */
uint64_t txn_undoable(const struct txn *txn);
/* A single branch to which nothing was sent yet: its answer to execute may be the decision. */
bool txn_one_phase_fits(const struct txn *txn);
/* A prepare that does not come in time may end this attempt for a saga. */
bool txn_falls_back(const struct txn *txn);
/* All that had a part in a two-phase commit of this transaction. */
uint64_t txn_2pc_members(const struct txn *txn);
/* The row that says mixed is in flight. */
bool txn_mixing(const struct txn *txn);
/* How often that may be tried; 0: without end. */
uint32_t txn_tries_limit(const struct txn *txn, const struct txn_branch *branch,
                         enum message_op op);
bool txn_tries_spent(const struct txn *txn, const struct txn_branch *branch, enum message_op op);
/* Its next try waits for the journal. */
bool txn_announced(const struct txn *txn, const struct txn_branch *branch);
/* The attempt that its commands carry: the transaction's, or the step's own higher one. */
uint32_t txn_attempt_of(const struct txn *txn, const struct txn_branch *branch);
/* Of commits and aborts: 0, or unique to what an operator said last. An epoch is one memory. */
uint64_t txn_again_number(const struct txn *txn);
/* No try of execute has left, in this memory or one before it: it has not run, and will not. */
bool txn_never_left(const struct txn *txn, const struct txn_branch *branch);
bool txn_gtid_known(const troth_gtid *gtid); /* not all zero */

#endif
