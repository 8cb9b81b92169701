/* query.c: the service's own statements, parsed and planned once a connection. */
#include "query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "guard.h"
#include "session.h"

static _Thread_local struct session *here;

void session_set_here(struct session *session)
{
    here = session;
}

int session_query_find(const struct session *session, const char *sql)
{
    int i;
    for (i = 0; i < session->queries_count; i++)
        if (strcmp(session->queries[i], sql) == 0)
            return i;
    return -1;
}

void session_query_name(int place, char ret_name[SESSION_QUERY_NAME_BYTES])
{
    (void)snprintf(ret_name, SESSION_QUERY_NAME_BYTES, "troth_query_%d", place); /* always fits */
}

/* Prepares it in the next place. NULL: it is there; otherwise what went wrong. */
static PGresult *prepare(struct session *session, const char *sql, int *ret_place)
{
    char name[SESSION_QUERY_NAME_BYTES];
    char *copy = strdup(sql);
    PGresult *result;
    if (copy == NULL)
        return PQmakeEmptyPGresult(session->connection, PGRES_FATAL_ERROR);
    session_query_name(session->queries_count, name);
    result = PQprepare(session->connection, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        free(copy);
        return result;
    }
    PQclear(result);
    *ret_place = session->queries_count;
    session->queries[session->queries_count++] = copy;
    return NULL;
}

static PGresult *failed(const struct session *session)
{
    return PQmakeEmptyPGresult(session == NULL ? NULL : session->connection, PGRES_FATAL_ERROR);
}

static bool send(struct session *session, int place, const char *sql, int count,
                 const char *const *values)
{
    char name[SESSION_QUERY_NAME_BYTES];
    if (place < 0)
        return PQsendQueryParams(session->connection, sql, count, NULL, values, NULL, NULL, 0) == 1;
    session_query_name(place, name);
    return PQsendQueryPrepared(session->connection, name, count, values, NULL, NULL, 0) == 1;
}

/* BEGIN, the guard row and the work's first statement in one message. */
static PGresult *claim_and_run(struct session *session, int place, const char *sql, int count,
                               const char *const *values)
{
    const struct troth_reply *task = session->unclaimed;
    PGresult *result = NULL;
    session->unclaimed = NULL;
    session->claimed = GUARD_LOST;
    if (!guard_claim_send(session, task) || !send(session, place, sql, count, values) ||
        !session_pipeline_send(session)) {
        session_say(session);
        session_close(session);
        return failed(NULL);
    }
    session_limit_work(
        session); /* the server answers nothing before the work's statement is done */
    session->claimed = guard_claim_read(session);
    if (session->claimed == GUARD_CLAIMED) {
        result = PQgetResult(session->connection);
        /* The connection forgets it at the pipeline's end. */
        (void)snprintf(session->why, sizeof session->why, "%s", PQresultErrorMessage(result));
    }
    if (session->claimed == GUARD_LOST || !session_pipeline_end(session)) {
        PQclear(result);
        session_close(session);
        session->claimed = GUARD_LOST;
        return failed(NULL);
    }
    return result != NULL ? result : failed(session);
}

/* Once, and where it is not kept -1. NULL: go on; otherwise what went wrong. */
static PGresult *look_up(struct session *session, const char *sql, int *ret_place)
{
    *ret_place = session_query_find(session, sql);
    if (*ret_place < 0 && session->queries_count < SESSION_QUERIES_MAX)
        return prepare(session, sql, ret_place);
    return NULL;
}

/* A statement whose columns a migration has changed fails as long as it is prepared ("cached plan
 * must not change result type"), and so does one that the server has forgotten. */
void session_query_noted(struct session *session, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE); /* takes NULL */
    session->stale =
        session->stale ||
        (state != NULL && (strcmp(state, "0A000") == 0 || strcmp(state, "26000") == 0));
}

static PGresult *noted(struct session *session, PGresult *result)
{
    session_query_noted(session, result);
    return result;
}

PGresult *troth_postgres_query(PGconn *connection, const char *sql, int count,
                               const char *const *values)
{
    struct session *session = here;
    char name[SESSION_QUERY_NAME_BYTES];
    PGresult *result;
    int place = -1;
    if (session == NULL || (connection != NULL && session->connection != connection)) {
        return connection == NULL
                   ? failed(NULL)
                   : PQexecParams(connection, sql, count, NULL, values, NULL, NULL, 0);
    }
    if (session->unclaimed == NULL && session->claimed != GUARD_CLAIMED)
        return failed(session); /* never outside the guard's transaction */
    result = look_up(session, sql, &place);
    if (session->unclaimed != NULL) {
        PQclear(result); /* what cannot be prepared fails again, in the guard's transaction */
        return noted(session, claim_and_run(session, place, sql, count, values));
    }
    if (result != NULL)
        return result;
    if (place < 0)
        return PQexecParams(session->connection, sql, count, NULL, values, NULL, NULL, 0);
    session_query_name(place, name);
    return noted(session, PQexecPrepared(session->connection, name, count, values, NULL, NULL, 0));
}
