/* transition.h: from one state to the next. */
#ifndef TXN_TRANSITION_H
#define TXN_TRANSITION_H

#include "core.h"

struct txn_state_row {
    const char *name;
    uint32_t next; /* bit s: state s may follow */
    bool (*invariant)(const struct txn *txn);
    bool (*parked)(const struct txn *txn); /* only what is parked is left; NULL: never */
    txn_handler on[TXN_EVENT_COUNT];
};

/* The table: states.c. */
extern const struct txn_state_row txn_state_rows[TXN_STATE_COUNT];

const struct txn_state_row *txn_state_row(enum txn_state state);
/* Along an edge of the table, or it is a programming error. */
void txn_set_state(struct txn *txn, enum txn_state state);

#endif
