/* branch_states.c: what a branch can be in, and what may follow it. */
#include "branch_states.h"
#include "shape.h"

#define BNEXT(s) (UINT32_C(1) << TXN_BRANCH_##s)

static const struct {
    const char *name;
    uint32_t next;
} branch_rows[TXN_BRANCH_STATE_COUNT] = {
    [TXN_BRANCH_IDLE] = {"idle", BNEXT(PREPARING) | BNEXT(EXECUTING) | BNEXT(ABORTING) |
                                     BNEXT(ABORTED) | BNEXT(BEHIND) | BNEXT(UNCERTAIN)},
    [TXN_BRANCH_ENLISTING] = {"enlisting",
                              BNEXT(IDLE) | BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(ABORTING)},
    [TXN_BRANCH_PREPARING] = {"preparing", BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(REFUSED) |
                                               BNEXT(ABORTING) | BNEXT(IDLE) | BNEXT(SKIPPED) |
                                               BNEXT(BEHIND)},
    [TXN_BRANCH_PREPARED] = {"prepared",
                             BNEXT(COMMITTING) | BNEXT(ABORTING) | BNEXT(IDLE) | BNEXT(COMMITTED)},
    [TXN_BRANCH_READ_ONLY] = {"read_only", BNEXT(IDLE)},
    [TXN_BRANCH_REFUSED] = {"refused",
                            BNEXT(ABORTING) | BNEXT(HEURISTIC) | BNEXT(UNCERTAIN) | BNEXT(IDLE)},
    [TXN_BRANCH_EXECUTING] = {"executing", BNEXT(COMMITTED) | BNEXT(REFUSED) | BNEXT(ABORTING) |
                                               BNEXT(ABORTED) | BNEXT(DONE) | BNEXT(SKIPPED) |
                                               BNEXT(UNCERTAIN) | BNEXT(PARKED) | BNEXT(IDLE)},
    [TXN_BRANCH_COMMITTING] = {"committing", BNEXT(COMMITTED) | BNEXT(PARKED) | BNEXT(HEURISTIC)},
    [TXN_BRANCH_COMMITTED] = {"committed", BNEXT(HEURISTIC)},
    [TXN_BRANCH_ABORTING] = {"aborting", BNEXT(ABORTED) | BNEXT(COMMITTED) | BNEXT(REFUSED) |
                                             BNEXT(PARKED) | BNEXT(HEURISTIC) | BNEXT(COMMITTING) |
                                             BNEXT(DONE)},
    [TXN_BRANCH_ABORTED] = {"aborted", BNEXT(HEURISTIC)},
    [TXN_BRANCH_PARKED] = {"parked", BNEXT(COMMITTED) | BNEXT(ABORTED) | BNEXT(REFUSED) |
                                         BNEXT(HEURISTIC) | BNEXT(ABORTING) | BNEXT(COMMITTING) |
                                         BNEXT(EXECUTING) | BNEXT(DONE) | BNEXT(COMPENSATING) |
                                         BNEXT(COMPENSATED)},
    [TXN_BRANCH_HEURISTIC] = {"heuristic", BNEXT(COMMITTING)}, /* the row says commit after all */
    [TXN_BRANCH_BEHIND] = {"behind", BNEXT(IDLE)},
    [TXN_BRANCH_SKIPPED] = {"skipped", BNEXT(IDLE)},
    [TXN_BRANCH_DONE] = {"done", BNEXT(COMPENSATING)},
    [TXN_BRANCH_UNCERTAIN] = {"uncertain", BNEXT(ASKING) | BNEXT(COMPENSATING) | BNEXT(IDLE)},
    [TXN_BRANCH_ASKING] = {"asking", BNEXT(UNCERTAIN) | BNEXT(COMPENSATED) | BNEXT(PARKED)},
    [TXN_BRANCH_COMPENSATING] = {"compensating",
                                 BNEXT(COMPENSATED) | BNEXT(PARKED) | BNEXT(ASKING)},
    [TXN_BRANCH_COMPENSATED] = {"compensated", 0},
};

const char *txn_branch_state_name(enum txn_branch_state state)
{
    assert(state < TXN_BRANCH_STATE_COUNT);
    return branch_rows[state].name;
}

void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    branch->state = state;
    txn->in[state] |= txn_bit(txn, branch);
}

void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    assert((branch_rows[branch->state].next >> state & 1u) != 0);
    txn->in[branch->state] &= ~txn_bit(txn, branch);
    txn->announced &= ~txn_bit(txn, branch); /* it was a try of what it was in */
    txn_branch_place(txn, branch, state);
}
