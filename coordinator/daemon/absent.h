/* absent.h: what is asked of one open transaction, by whoever may also ask when it has ended: found
 * in memory, or answered from its row. */
#ifndef DAEMON_ABSENT_H
#define DAEMON_ABSENT_H

#include <stdbool.h>
#include <stddef.h>

#include <api/api.h>
#include <journal/journal.h>
#include <troth/id.h>

struct driver;
struct entry;

/* First in a structure of its own for each kind of request, copied as a whole where the journal is
 * asked. */
struct absent {
    struct driver *driver;
    api_view_fn fn;
    void *arg;
    troth_gtid gtid;
    uint32_t epoch; /* of its shard, when the journal was asked */
    /* The row is there. true: the same was asked before, its answer was lost, and the row is that
     * answer. false: *ret_problem says why it cannot be done now. */
    bool (*said_again)(const struct absent *absent, const struct journal_row *row,
                       struct api_problem *ret_problem);
};

/* NULL: not in memory, or nothing can be done there: fn has been called, or will be. `size`: of the
 * structure that begins with `what`. */
struct entry *absent_find_open(const struct absent *what, size_t size);

#endif
