/* branch_states.c: the table of a branch: what it can be in, what may follow, and what each state
 * means where a transaction turns or ends. */
#include "branch_states.h"
#include "shape.h"

/* Does the abort of its attempt go to it? To each that may have heard of the attempt: one that
 * was asked, answered or not; one that enlisted, for it has work open; one that has not
 * acknowledged the end of an earlier attempt. One that refused or only read is through by itself,
 * unless an earlier try is unaccounted for. */
enum hears { HEARS_NOTHING, HEARS_ABORT, HEARS_IF_ASKED, HEARS_IF_REPEATED };

/* May an execute of it have acted, as far as this memory knows? Where it is never asked: it may. */
enum acted { NEVER_ACTED, MAY_HAVE, MAY_IF_UNACCOUNTED, MAY_IF_LEFT };

/* What it is once it has heard a decision: the only thing to tell clients that will not hear of
 * this transaction again. */
enum decided { STAYS, ABORTS, COMMITS_OR_ABORTS };

struct row {
    const char *name;
    enum hears hears;
    enum acted acted;
    enum decided decided;
    uint32_t next; /* bit s: state s may follow */
};

#define BNEXT(s) (UINT32_C(1) << TXN_BRANCH_##s)

static const struct row rows[TXN_BRANCH_STATE_COUNT] = {
    [TXN_BRANCH_IDLE] = {"idle", HEARS_IF_ASKED, MAY_IF_UNACCOUNTED, ABORTS,
                         BNEXT(PREPARING) | BNEXT(EXECUTING) | BNEXT(ABORTING) | BNEXT(ABORTED) |
                             BNEXT(BEHIND) | BNEXT(UNCERTAIN) | BNEXT(COMMITTED) | BNEXT(DONE) |
                             BNEXT(HEURISTIC)}, /* the last three: an operator said so before */
    [TXN_BRANCH_ENLISTING] = {"enlisting", HEARS_ABORT, MAY_HAVE, ABORTS,
                              BNEXT(IDLE) | BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(ABORTING)},
    [TXN_BRANCH_PREPARING] = {"preparing", HEARS_ABORT, MAY_HAVE, ABORTS,
                              BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(REFUSED) |
                                  BNEXT(ABORTING) | BNEXT(IDLE) | BNEXT(SKIPPED) | BNEXT(BEHIND)},
    [TXN_BRANCH_PREPARED] = {"prepared", HEARS_ABORT, MAY_HAVE, COMMITS_OR_ABORTS,
                             BNEXT(COMMITTING) | BNEXT(ABORTING) | BNEXT(IDLE) | BNEXT(COMMITTED)},
    [TXN_BRANCH_READ_ONLY] = {"read_only", HEARS_NOTHING, MAY_HAVE, STAYS, BNEXT(IDLE)},
    [TXN_BRANCH_REFUSED] = {"refused", HEARS_IF_REPEATED, MAY_IF_UNACCOUNTED, STAYS,
                            BNEXT(ABORTING) | BNEXT(HEURISTIC) | BNEXT(UNCERTAIN) | BNEXT(IDLE)},
    [TXN_BRANCH_EXECUTING] = {"executing", HEARS_NOTHING, MAY_IF_LEFT, STAYS,
                              BNEXT(COMMITTED) | BNEXT(REFUSED) | BNEXT(ABORTING) | BNEXT(ABORTED) |
                                  BNEXT(DONE) | BNEXT(SKIPPED) | BNEXT(UNCERTAIN) | BNEXT(PARKED) |
                                  BNEXT(IDLE) | BNEXT(HEURISTIC)},
    [TXN_BRANCH_COMMITTING] = {"committing", HEARS_NOTHING, MAY_HAVE, COMMITS_OR_ABORTS,
                               BNEXT(COMMITTED) | BNEXT(PARKED) | BNEXT(HEURISTIC)},
    [TXN_BRANCH_COMMITTED] = {"committed", HEARS_NOTHING, MAY_HAVE, STAYS, BNEXT(HEURISTIC)},
    [TXN_BRANCH_ABORTING] = {"aborting", HEARS_NOTHING, MAY_HAVE, ABORTS,
                             BNEXT(ABORTED) | BNEXT(COMMITTED) | BNEXT(REFUSED) | BNEXT(PARKED) |
                                 BNEXT(HEURISTIC) | BNEXT(COMMITTING) | BNEXT(DONE)},
    [TXN_BRANCH_ABORTED] = {"aborted", HEARS_NOTHING, NEVER_ACTED, STAYS, BNEXT(HEURISTIC)},
    [TXN_BRANCH_PARKED] = {"parked", HEARS_NOTHING, MAY_HAVE, STAYS,
                           BNEXT(COMMITTED) | BNEXT(ABORTED) | BNEXT(REFUSED) | BNEXT(HEURISTIC) |
                               BNEXT(ABORTING) | BNEXT(COMMITTING) | BNEXT(EXECUTING) |
                               BNEXT(DONE) | BNEXT(COMPENSATING) | BNEXT(COMPENSATED) |
                               BNEXT(ASKING)},
    [TXN_BRANCH_HEURISTIC] = {"heuristic", HEARS_NOTHING, MAY_HAVE, STAYS,
                              BNEXT(COMMITTING)}, /* the row says commit after all */
    [TXN_BRANCH_BEHIND] = {"behind", HEARS_NOTHING, MAY_HAVE, STAYS, BNEXT(IDLE)},
    [TXN_BRANCH_SKIPPED] = {"skipped", HEARS_NOTHING, MAY_HAVE, STAYS, BNEXT(IDLE)},
    [TXN_BRANCH_DONE] = {"done", HEARS_NOTHING, MAY_HAVE, STAYS, BNEXT(COMPENSATING)},
    [TXN_BRANCH_UNCERTAIN] = {"uncertain", HEARS_NOTHING, MAY_HAVE, STAYS,
                              BNEXT(ASKING) | BNEXT(COMPENSATING) | BNEXT(IDLE)},
    [TXN_BRANCH_ASKING] = {"asking", HEARS_NOTHING, MAY_HAVE, STAYS,
                           BNEXT(UNCERTAIN) | BNEXT(COMPENSATED) | BNEXT(PARKED) | BNEXT(IDLE)},
    [TXN_BRANCH_COMPENSATING] = {"compensating", HEARS_NOTHING, MAY_HAVE, STAYS,
                                 BNEXT(COMPENSATED) | BNEXT(PARKED) | BNEXT(ASKING) |
                                     BNEXT(HEURISTIC)},
    [TXN_BRANCH_COMPENSATED] = {"compensated", HEARS_NOTHING, MAY_HAVE, STAYS, 0},
};

const char *txn_branch_state_name(enum txn_branch_state state)
{
    assert(state < TXN_BRANCH_STATE_COUNT);
    return rows[state].name;
}

void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    assert(state < TXN_BRANCH_STATE_COUNT);
    branch->state = state;
    txn->in[state] |= txn_bit(txn, branch);
}

void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    assert((rows[branch->state].next >> state & 1u) != 0);
    assert((txn->in[branch->state] & txn_bit(txn, branch)) != 0);
    txn->in[branch->state] &= ~txn_bit(txn, branch);
    txn->announced &= ~txn_bit(txn, branch); /* it was a try of what it was in */
    txn_branch_place(txn, branch, state);
}

bool txn_branch_hears_abort(const struct txn *txn, const struct txn_branch *branch)
{
    bool earlier = (txn->owed & txn_bit(txn, branch)) != 0;
    switch (rows[branch->state].hears) {
    case HEARS_NOTHING:
        return false;
    case HEARS_ABORT:
        return true;
    case HEARS_IF_ASKED:
        return txn->origin->interactive || branch->tries > 0 || earlier;
    case HEARS_IF_REPEATED:
        return !txn_delegated(txn) && (branch->tries > 1 || earlier);
    }
    assert(false && "a column");
    return true;
}

bool txn_branch_may_have_acted(const struct txn *txn, const struct txn_branch *branch)
{
    switch (rows[branch->state].acted) {
    case NEVER_ACTED:
        return false;
    case MAY_HAVE:
        return true;
    case MAY_IF_UNACCOUNTED: /* a refusal clears an unknown try before it only with a tombstone */
        return (txn->unaccounted & txn_bit(txn, branch)) != 0;
    case MAY_IF_LEFT: /* waits to be tried again, and no try has left [NEVERLEFT]? */
        return !txn_never_left(txn, branch);
    }
    assert(false && "a column");
    return true;
}

enum txn_branch_state txn_branch_decided(enum txn_branch_state state, enum txn_decision decision)
{
    assert(state < TXN_BRANCH_STATE_COUNT);
    if (decision == TXN_COMMIT && rows[state].decided == COMMITS_OR_ABORTS)
        return TXN_BRANCH_COMMITTED;
    if (decision == TXN_ABORT && rows[state].decided != STAYS)
        return TXN_BRANCH_ABORTED;
    return state;
}
