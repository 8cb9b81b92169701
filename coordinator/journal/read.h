/* read.h: questions to the journal, one query and one sync each, answered in their order. */
#ifndef JOURNAL_READ_H
#define JOURNAL_READ_H

#include "state.h"

#define READER_ASKS_MAX   10000u            /* waiting; beyond: TROTH_ERROR_UNAVAILABLE */
#define READER_WINDOW_MAX 64u               /* sent and not answered */
#define READER_WAIT_US    UINT64_C(5000000) /* for a connection; then TROTH_ERROR_UNAVAILABLE */

struct ask {
    struct ask *next;
    struct journal *journal;
    const char *name; /* prepared under this name; NULL: planned each time, for its own values */
    const char *sql;
    struct params params;
    /* A read calls back here, at once. A write notes `error` and calls back in `end`. */
    void (*take)(struct ask *ask, const PGresult *result);
    /* Called once, unless a read's `take` was: with what went wrong, or 0 for a durable write. */
    void (*end)(struct ask *ask, int error);
    bool writes;
    bool sent;
    bool answered;
    int error;
    uint64_t deadline_us;
    union {
        journal_row_fn row;
        journal_list_fn list;
        journal_inquiry_fn inquiry;
        journal_key_fn key;
        journal_entry_fn entry;
        journal_event_fn event;
        journal_changed_fn changed;
    } fn;
    void *arg;
    troth_gtid gtid;
    uint32_t attempt;
    void *kept; /* what a kind needs besides, owned; `drop` frees it with the question */
    void (*drop)(void *kept);
};

struct ask_kind {
    const char *name;
    const char *sql;
    bool writes;
    void (*take)(struct ask *ask, const PGresult *result);
    void (*end)(struct ask *ask, int error);
};

/* NULL: no memory. Fill in params and fn, then ask_send(). */
struct ask *ask_create(struct journal *journal, const struct ask_kind *kind, void *arg);
void ask_send(struct ask *ask);

/* `prepared`: the kinds that are, on each new connection; static. */
TROTH_MUST_CHECK int reader_init(struct journal *journal, const struct ask_kind *const *prepared,
                                 size_t count);
void reader_finish(struct journal *journal);

#endif
