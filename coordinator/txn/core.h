/* core.h: what every file of the transaction core knows: one step under way. Private to
 * coordinator/txn. Each file has a header of its own; docs/architecture.md lists them from the
 * ground up. */
#ifndef TXN_CORE_H
#define TXN_CORE_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <txn/txn.h>

/* One step under way. */
struct step {
    struct txn *txn;
    const struct txn_event *event;
    struct txn_now now;
    struct txn_effects *effects;
};

typedef void (*txn_handler)(struct step *step);

#endif
