/* transition.c: from one state to the next: only along the edges of the table in states.c. */
#include "transition.h"

const struct txn_state_row *txn_state_row(enum txn_state state)
{
    assert(state < TXN_STATE_COUNT);
    return &txn_state_rows[state];
}

void txn_set_state(struct txn *txn, enum txn_state state)
{
    assert((txn_state_rows[txn->state].next >> state & 1u) != 0);
    txn->state = state;
}

const char *txn_state_name(enum txn_state state)
{
    return txn_state_row(state)->name;
}
