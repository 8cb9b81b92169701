/* session.c: what is said over one connection to PostgreSQL, which one thread uses. */
#include "session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "sql.h"

#define SQLSTATE_LOCK_TIMEOUT "55P03"

/* --- results ---------------------------------------------------------------------------------- */

enum sql_end session_judge(struct session *session, const PGresult *result,
                           struct sql_error *ret_error)
{
    const ExecStatusType status = PQresultStatus(result);
    const char *state;
    ret_error->sqlstate[0] = '\0';
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return SQL_OK;
    if (status == PGRES_PIPELINE_ABORTED)
        return SQL_FAILED; /* the statement before it has said why */
    state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL || session_is_over(result)) {
        session_say(session);
        return SQL_LOST;
    }
    (void)snprintf(ret_error->sqlstate, sizeof ret_error->sqlstate, "%s", state);
    (void)snprintf(session->why, sizeof session->why, "%s: %s", state,
                   PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    return strcmp(state, SQLSTATE_LOCK_TIMEOUT) == 0 ? SQL_LOCKED : SQL_FAILED;
}

/* A connection that libpq calls broken, or that the server has ended, is not used again. */
static enum sql_end dropped(struct session *session)
{
    session_say(session);
    session_close(session);
    return SQL_LOST;
}

enum sql_end session_run(struct session *session, enum sql_statement statement,
                         const struct sql_parameters *parameters, PGresult **ret_result,
                         struct sql_error *ret_error)
{
    PGresult *result;
    enum sql_end end;
    session_limit(session, 0);
    result = PQexecPrepared(session->connection, sql_name(statement),
                            parameters == NULL ? 0 : parameters->count,
                            parameters == NULL ? NULL : parameters->values,
                            parameters == NULL ? NULL : parameters->lengths,
                            parameters == NULL ? NULL : parameters->formats, 0);
    end = session_judge(session, result, ret_error);
    if (end == SQL_LOST) {
        PQclear(result);
        return dropped(session);
    }
    if (ret_result == NULL)
        PQclear(result);
    else
        *ret_result = result;
    return end;
}

enum sql_end session_command(struct session *session, const char *text, const char *tag,
                             struct sql_error *ret_error)
{
    PGresult *result;
    enum sql_end end;
    session_limit(session, 0);
    result = PQexec(session->connection, text);
    end = session_judge(session, result, ret_error);
    if (end == SQL_OK && strcmp(PQcmdStatus(result), tag) != 0) {
        (void)snprintf(session->why, sizeof session->why, "the answer was %s", PQcmdStatus(result));
        end = SQL_FAILED;
    }
    PQclear(result);
    return end == SQL_LOST ? dropped(session) : end;
}

/* --- pipeline --------------------------------------------------------------------------------- */

bool session_pipeline_begin(struct session *session)
{
    session_limit(session, 0);
    return PQenterPipelineMode(session->connection) == 1;
}

bool session_send(struct session *session, enum sql_statement statement,
                  const struct sql_parameters *parameters)
{
    return PQsendQueryPrepared(session->connection, sql_name(statement),
                               parameters == NULL ? 0 : parameters->count,
                               parameters == NULL ? NULL : parameters->values,
                               parameters == NULL ? NULL : parameters->lengths,
                               parameters == NULL ? NULL : parameters->formats, 0) == 1;
}

bool session_send_text(struct session *session, const char *text)
{
    return PQsendQueryParams(session->connection, text, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

bool session_pipeline_send(struct session *session)
{
    return PQpipelineSync(session->connection) == 1;
}

enum sql_end session_next(struct session *session, PGresult **ret_result,
                          struct sql_error *ret_error)
{
    PGresult *result = PQgetResult(session->connection);
    enum sql_end end = session_judge(session, result, ret_error);
    if (end == SQL_LOST || ret_result == NULL)
        PQclear(result);
    else
        *ret_result = result;
    if (end != SQL_LOST)
        PQclear(PQgetResult(session->connection)); /* the NULL between two statements' results */
    return end;
}

/* The server has ended the session, or libpq has lost count: it then gives NULL for ever, on a
 * connection that it calls good. */
static bool is_hopeless(const struct session *session, const PGresult *result, int nulls)
{
    return nulls > SESSION_NULLS_MAX || session_is_over(result) ||
           PQstatus(session->connection) != CONNECTION_OK;
}

bool session_pipeline_end(struct session *session)
{
    bool synced = false;
    int nulls = 0;
    while (!synced) {
        PGresult *result = PQgetResult(session->connection);
        bool hopeless;
        nulls = result == NULL ? nulls + 1 : 0;
        synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        hopeless = !synced && is_hopeless(session, result, nulls);
        PQclear(result);
        if (hopeless) {
            (void)dropped(session);
            return false;
        }
    }
    if (PQexitPipelineMode(session->connection) != 1) {
        (void)dropped(session);
        return false;
    }
    return true;
}

bool session_rollback(struct session *session)
{
    struct sql_error error;
    if (session->connection == NULL)
        return false;
    switch (PQtransactionStatus(session->connection)) {
    case PQTRANS_IDLE:
        return true;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        return session_command(session, "ROLLBACK", "ROLLBACK", &error) == SQL_OK;
    case PQTRANS_ACTIVE:
    case PQTRANS_UNKNOWN:
        break;
    }
    (void)dropped(session);
    return false;
}

bool session_ask(struct session *session, enum sql_statement statement,
                 const struct sql_parameters *parameters, uint64_t more_us, PGresult **ret_result)
{
    PGresult *result = NULL;
    struct sql_error error;
    enum sql_end end;
    assert(PQtransactionStatus(session->connection) != PQTRANS_INTRANS);
    if (!session_pipeline_begin(session) ||
        !session_send(session, SQL_BEGIN_READ_COMMITTED, NULL) ||
        !session_send(session, statement, parameters) || !session_send(session, SQL_COMMIT, NULL) ||
        !session_pipeline_send(session)) {
        (void)dropped(session);
        return false;
    }
    session_limit(session, more_us);
    end = session_next(session, NULL, &error);
    if (end == SQL_OK)
        end = session_next(session, &result, &error);
    if (end == SQL_OK)
        end = session_next(session, NULL, &error);
    if (!session_pipeline_end(session) || end != SQL_OK) {
        PQclear(result);
        (void)session_rollback(session); /* a broken one is opened anew */
        return false;
    }
    *ret_result = result;
    return true;
}
