/* query.c: the service's own statements, parsed and planned once a connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg.h"

#define NAME_BYTES 32

static _Thread_local struct session *here;

void session_set_here(struct session *session)
{
    here = session;
}

/* Its place among the prepared ones; -1: not there. */
static int find(const struct session *session, const char *sql)
{
    int i;

    for (i = 0; i < session->queries_count; i++) {
        if (strcmp(session->queries[i], sql) == 0) {
            return i;
        }
    }
    return -1;
}

static void name_of(int place, char ret_name[NAME_BYTES])
{
    (void)snprintf(ret_name, NAME_BYTES, "troth_query_%d", place); /* always fits */
}

/* Prepares it in the next place. NULL: it is there; otherwise what went wrong. */
static PGresult *prepare(struct session *session, const char *sql, int *ret_place)
{
    char name[NAME_BYTES];
    char *copy = strdup(sql);
    PGresult *result;

    if (copy == NULL) {
        return PQmakeEmptyPGresult(session->connection, PGRES_FATAL_ERROR);
    }
    name_of(session->queries_count, name);
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

PGresult *troth_postgres_query(PGconn *connection, const char *sql, int count,
                               const char *const *values)
{
    char name[NAME_BYTES];
    PGresult *failed;
    int place = -1;

    if (here != NULL && here->connection == connection) {
        place = find(here, sql);
        if (place < 0 && here->queries_count < SESSION_QUERIES_MAX) {
            failed = prepare(here, sql, &place);
            if (place < 0) {
                return failed;
            }
        }
    }
    if (place < 0) {
        return PQexecParams(connection, sql, count, NULL, values, NULL, NULL, 0);
    }
    name_of(place, name);
    return PQexecPrepared(connection, name, count, values, NULL, NULL, 0);
}
