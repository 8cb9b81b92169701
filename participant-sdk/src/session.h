/* session.h: what is said over a connection: prepared statements, words, pipelines. */
#ifndef SDK_SESSION_H
#define SDK_SESSION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "connection.h"
#include "sql.h"

/* In a pipeline a NULL stands behind each statement's results: more of them in a row are no answer,
 * libpq has lost count. */
#define SESSION_NULLS_MAX 2

/* How a statement ended. */
enum sql_end {
    SQL_OK,
    SQL_LOCKED, /* lock_timeout */
    SQL_FAILED, /* any other error; see sqlstate */
    SQL_LOST    /* the connection broke: it may have happened */
};

struct sql_error {
    char sqlstate[PG_SQLSTATE_LEN + 1]; /* "" when lost */
};

/* Judges a result, and keeps in `why` what went wrong. */
enum sql_end session_judge(struct session *session, const PGresult *result,
                           struct sql_error *ret_error);
/* One prepared statement and its result (NULL when lost), which the caller clears. */
enum sql_end session_run(struct session *session, enum sql_statement statement,
                         const struct sql_parameters *parameters, PGresult **ret_result,
                         struct sql_error *ret_error);
/* Text without parameters: COMMIT PREPARED and its like. */
enum sql_end session_command(struct session *session, const char *text, const char *tag,
                             struct sql_error *ret_error);
/* Pipelined: send each, then end; then session_next() for each, then session_pipeline_end(). */
bool session_pipeline_begin(struct session *session);
bool session_send(struct session *session, enum sql_statement statement,
                  const struct sql_parameters *parameters);
bool session_send_text(struct session *session, const char *text);
bool session_pipeline_send(struct session *session);
enum sql_end session_next(struct session *session, PGresult **ret_result,
                          struct sql_error *ret_error);
/* Reads on to the sync and leaves pipeline mode. false: lost. */
bool session_pipeline_end(struct session *session);
/* One statement in a transaction of its own, in one message: READ COMMITTED, whatever the service's
 * own transactions are, so that each look is at what is there now, and nobody's transaction depends
 * on it. `more_us`: how long it may wait for locks. true: it is committed, and the caller clears
 * its result. false: session->why. */
bool session_ask(struct session *session, enum sql_statement statement,
                 const struct sql_parameters *parameters, uint64_t more_us, PGresult **ret_result);
/* Ends whatever transaction is open. false: lost. */
bool session_rollback(struct session *session);

#endif
