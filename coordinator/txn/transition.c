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

bool txn_parked(const struct txn *txn)
{
    const struct txn_state_row *row = txn_state_row(txn->state);
    bool parked = row->parked != NULL && row->parked(txn);
    assert(!parked || (txn->in[TXN_BRANCH_PARKED] | txn->owed_parked) != 0);
    return parked;
}

const char *txn_shown_name(const struct txn *txn)
{
    return txn_parked(txn) ? TXN_PARKED_NAME : txn_state_name(txn->state);
}

const char *txn_shown_word(uint32_t i)
{
    if (i < TXN_STATE_COUNT)
        return txn_state_name((enum txn_state)i);
    return i == TXN_STATE_COUNT ? TXN_PARKED_NAME : NULL;
}
