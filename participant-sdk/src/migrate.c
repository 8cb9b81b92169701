/* migrate.c: sql/participant, compiled in, and the version that a database has. */
#include "migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <base/crash.h>
#include <troth/postgres.h>

#include <guard_migrations.h>

#include "dial.h"
#include "sql.h"

#define LOCK_TIMEOUT          "10s" /* of each lock that is waited for */
#define SQLSTATE_LOCK_TIMEOUT "55P03"
/* Names are PostgreSQL's own: the owner runs no function that somebody else has put in its way. */
#define BEGIN_MIGRATION                                                                            \
    "BEGIN; SET LOCAL lock_timeout = '" LOCK_TIMEOUT                                               \
    "'; SET LOCAL search_path = pg_catalog, pg_temp"

const int schema_version = GUARD_MIGRATIONS_COUNT;

static void say(char *ret_why, size_t why_cap, const char *text)
{
    if (ret_why != NULL && why_cap > 0) {
        (void)snprintf(ret_why, why_cap, "%s", text); /* cut off where it is too long */
        ret_why[strcspn(ret_why, "\n")] = '\0';
    }
}

/* One number. */
static int ask(PGconn *connection, enum sql_statement statement, int *ret_number)
{
    PGresult *result = dial_ask(connection, statement, NULL);
    const bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (good)
        *ret_number = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return good ? 0 : TROTH_ERROR_DATABASE;
}

static int version_of(PGconn *connection, int *ret_version)
{
    int there = 0;
    int error = ask(connection, SQL_SCHEMA_THERE, &there);
    if (error != 0)
        return error;
    if (there == 0) {
        *ret_version = 0;
        return 0;
    }
    return ask(connection, SQL_SCHEMA_VERSION, ret_version);
}

int schema_check(PGconn *connection, char *ret_why, size_t why_cap)
{
    int version = 0;
    char text[160];
    if (version_of(connection, &version) != 0) {
        say(ret_why, why_cap, dial_why(connection));
        return TROTH_ERROR_SCHEMA;
    }
    if (version == schema_version)
        return 0;
    (void)snprintf(
        text, sizeof text, "schema troth_guard has version %d, this library wants %d: %s", version,
        schema_version,
        version < schema_version ? "run troth_postgres_migrate()" : "use a newer library");
    say(ret_why, why_cap, text);
    return TROTH_ERROR_SCHEMA;
}

/* A command that failed, whose text this is, waited for a lock until its time was over: with
 * whoever has it. */
static void say_locked(PGconn *connection, char *ret_why, size_t why_cap)
{
    char text[512];
    PGresult *result;
    PQclear(PQexec(connection, "ROLLBACK"));
    result = dial_ask(connection, SQL_MIGRATION_HOLDERS, NULL);
    (void)snprintf(text, sizeof text,
                   "the schema troth_guard is in use and could not be changed within " LOCK_TIMEOUT
                   ": nothing was changed, try it again; held by %.320s",
                   PQntuples(result) == 1 && PQgetisnull(result, 0, 0) == 0
                       ? PQgetvalue(result, 0, 0)
                       : "nobody any more");
    PQclear(result);
    say(ret_why, why_cap, text);
}

/* false: *ret_why is said. */
static bool command(PGconn *connection, const char *text, char *ret_why, size_t why_cap)
{
    PGresult *result = PQexec(connection, text);
    const ExecStatusType status = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good && state != NULL && strcmp(state, SQLSTATE_LOCK_TIMEOUT) == 0)
        say_locked(connection, ret_why, why_cap);
    else if (!good)
        say(ret_why, why_cap, PQerrorMessage(connection));
    PQclear(result);
    return good;
}

/* As long as another one migrates, and no longer than any lock is waited for. */
static bool lock(PGconn *connection, char *ret_why, size_t why_cap)
{
    struct buffer text BUFFER_SCOPED = {0};
    sql_once(SQL_MIGRATION_LOCK, NULL, &text);
    return !text.failed && command(connection, buffer_text(&text), ret_why, why_cap);
}

/* In one transaction, under the lock. */
static int apply(PGconn *connection, char *ret_why, size_t why_cap)
{
    int version = 0;
    int i;
    if (!command(connection, BEGIN_MIGRATION, ret_why, why_cap) ||
        !lock(connection, ret_why, why_cap))
        return TROTH_ERROR_DATABASE;
    if (version_of(connection, &version) != 0) {
        say(ret_why, why_cap, PQerrorMessage(connection));
        return TROTH_ERROR_DATABASE;
    }
    if (version > schema_version) {
        say(ret_why, why_cap, "a newer version of schema troth_guard is there");
        return TROTH_ERROR_SCHEMA;
    }
    for (i = version; i < schema_version; i++)
        if (!command(connection, guard_migrations[i].text, ret_why, why_cap))
            return TROTH_ERROR_DATABASE;
    CRASH_POINT("guard.migrate");
    bool good = command(connection, "COMMIT", ret_why, why_cap);
    CRASH_POINT("guard.migrated");
    return good ? 0 : TROTH_ERROR_DATABASE;
}

int troth_postgres_migrate(const char *conninfo, char *ret_why, size_t why_cap)
{
    struct hosts hosts;
    PGconn *connection;
    char why[512] = "";
    int error = conninfo == NULL ? TROTH_ERROR_INVALID : hosts_init(&hosts, conninfo);
    if (error != 0)
        return error;
    connection = dial(&hosts, NULL, NULL, why, sizeof why);
    if (connection == NULL) {
        say(ret_why, why_cap, why);
        error = TROTH_ERROR_UNAVAILABLE;
    } else {
        error = apply(connection, ret_why, why_cap); /* closing rolls back what is not committed */
    }
    PQfinish(connection);
    hosts_finish(&hosts);
    return error;
}
