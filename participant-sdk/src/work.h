/* work.h: the service's function, and what its answer means. */
#ifndef SDK_WORK_H
#define SDK_WORK_H

#include <troth/postgres.h>

#include "output.h"
#include "session.h"

struct session;

enum work_end {
    WORK_DONE,
    WORK_REFUSED,
    WORK_CONFLICT, /* the service says so, or a statement failed for it */
    WORK_FAILED,
    WORK_LOST,
    WORK_UNCLAIMED /* session->claimed says how the guard row was not to be had */
};

/* Runs it inside the open transaction; or, with session->unclaimed, opens that with its first
 * statement. DONE: the transaction is still open and sound. Otherwise
 * output->reason says why (REFUSED, CONFLICT, FAILED). */
enum work_end work_run(struct session *session, troth_postgres_fn work, void *arg,
                       const struct troth_call *call, struct troth_output *output);
/* What failed would fail again: data, constraints. */
bool work_would_fail_again(const struct session *session);
/* Ends the open transaction with its output kept in the guard: `text` is COMMIT or PREPARE
 * TRANSACTION …, and must answer with exactly `tag`. SQL_FAILED: nothing happened. SQL_LOST: it
 * may have happened. */
enum sql_end work_finish(struct session *session, const struct troth_call *call, const char *kind,
                         const struct troth_output *output, const char *text, const char *tag);

#endif
