/* footing.c: what is looked at in the database before anything is begun. */
#include "footing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "migrate.h"
#include "participant.h"
#include "resource.h"
#include "task.h"

static int check_prepared(const struct troth_postgres *postgres, PGconn *connection, char *ret_why,
                          size_t why_cap)
{
    PGresult *result = dial_ask(connection, SQL_MAX_PREPARED, NULL);
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    const unsigned long max = answered ? strtoul(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    if (!answered) {
        (void)snprintf(ret_why, why_cap, "%s", dial_why(connection));
        return TROTH_ERROR_UNAVAILABLE;
    }
    if (max >= postgres->slots) {
        participant_set_places(postgres->participant, (uint32_t)max);
        return 0;
    }
    (void)snprintf(ret_why, why_cap,
                   "max_prepared_transactions is %lu and this participant announces %u slots: set"
                   " max_prepared_transactions = %u or more in postgresql.conf and restart the"
                   " server",
                   max, postgres->slots, 2 * postgres->slots);
    return TROTH_ERROR_CONFIG;
}

/* Each call would fail at the guard's tables. */
static int check_rights(PGconn *connection, char *ret_why, size_t why_cap)
{
    PGresult *result = dial_ask(connection, SQL_RIGHTS, NULL);
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    int error = answered ? 0 : TROTH_ERROR_UNAVAILABLE;
    if (!answered) {
        (void)snprintf(ret_why, why_cap, "%s", dial_why(connection));
    } else if (strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
        (void)snprintf(ret_why, why_cap,
                       "role %s may not write the guard: SELECT troth_guard.grant_to('%s'), as its"
                       " owner, gives it what it needs",
                       PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 1));
        error = TROTH_ERROR_CONFIG;
    }
    PQclear(result);
    return error;
}

/* Puts a mark on the session behind `connection` and gives the one that it had. */
static int mark_session(PGconn *connection, const char *mark, char *ret_before, size_t before_cap,
                        char *ret_why, size_t why_cap)
{
    PGresult *result = dial_ask(connection, SQL_MARK_SESSION, mark);
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    (void)snprintf(ret_before, before_cap, "%s", answered ? PQgetvalue(result, 0, 0) : "");
    if (!answered)
        (void)snprintf(ret_why, why_cap, "%s", dial_why(connection));
    PQclear(result);
    return answered ? 0 : TROTH_ERROR_UNAVAILABLE;
}

/* Statements, settings and the locks that a branch is ended by belong to a session. A pooler in
 * transaction mode gives the other connection the session that the first one has just marked, or
 * the first one another's. */
static int check_sessions(PGconn *connection, PGconn *other, char *ret_why, size_t why_cap)
{
    char first[48], second[48], before[48], after[48];
    int error;
    (void)snprintf(first, sizeof first, "1 %ld %" PRIu64, (long)getpid(), task_now_us());
    (void)snprintf(second, sizeof second, "2 %ld %" PRIu64, (long)getpid(), task_now_us());
    error = mark_session(connection, first, before, sizeof before, ret_why, why_cap);
    if (error == 0)
        error = mark_session(other, second, before, sizeof before, ret_why, why_cap);
    if (error == 0)
        error = mark_session(connection, "", after, sizeof after, ret_why, why_cap);
    if (error != 0 || (strcmp(before, first) != 0 && strcmp(after, first) == 0))
        return error;
    (void)snprintf(ret_why, why_cap,
                   "the database's sessions are shared with other clients: a pooler in transaction"
                   " mode stands before it. Give the participant sessions of its own (PgBouncer:"
                   " pool_mode=session for this database), or connect directly");
    return TROTH_ERROR_CONFIG;
}

int footing_check(struct troth_postgres *postgres, char *ret_why, size_t why_cap)
{
    PGconn *connection = dial(&postgres->hosts, &postgres->host, NULL, ret_why, why_cap);
    PGconn *other = NULL;
    int error = TROTH_ERROR_UNAVAILABLE;
    if (connection != NULL)
        other = dial(&postgres->hosts, &postgres->host, NULL, ret_why, why_cap);
    if (other != NULL)
        error = check_sessions(connection, other, ret_why, why_cap);
    if (error == 0)
        error = check_prepared(postgres, connection, ret_why, why_cap);
    if (error == 0)
        error = check_rights(connection, ret_why, why_cap);
    if (error == 0)
        error = schema_check(connection, ret_why, why_cap);
    PQfinish(other); /* takes NULL */
    PQfinish(connection);
    return error;
}
