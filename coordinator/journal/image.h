/* image.h: a transaction as the journal's tables show it. */
#ifndef JOURNAL_IMAGE_H
#define JOURNAL_IMAGE_H

#include <journal/journal.h>
#include <libpq-fe.h>

/* Of troth.txn as t and troth.decision as d. */
#define IMAGE_COLUMNS                                                                              \
    "t.gtid, t.attempt, t.protocol, t.mode, t.interactive, t.accepted, t.definition, "             \
    "t.definition_version, t.input, t.labels, t.idempotency_key, t.request_hash, t.traceparent, "  \
    "t.timeout_us, t.prepare_timeout_us, t.began_at, "                                             \
    "coalesce(d.delegated_branch, t.delegated_branch), d.decision, "                               \
    "coalesce(t.outcome, d.outcome), coalesce(d.members, t.members), "                             \
    "coalesce(t.failure, d.failure), t.state, t.steps, t.history, t.ended_at, d.decided_at, "      \
    "t.fallback"
#define IMAGE_COLUMNS_COUNT 27
#define IMAGE_BEGAN_AT      15

/* Columns in that order, beginning with `first`. Spans point into the result. TROTH_ERROR_SYNTAX: a
 * word in it is not known; the gtid is filled in all the same when it could be read. */
TROTH_MUST_CHECK int image_read(const PGresult *result, int n, int first,
                                struct journal_row *ret_row);

#endif
