/* migrate.c: sql/participant, compiled in, and the version that a database has. */
#include "migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <troth/postgres.h>

#include <guard_migrations.h>

#include "dial.h"
#include "sql.h"

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

static bool command(PGconn *connection, const char *text)
{
    PGresult *result = PQexec(connection, text);
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* As long as another one migrates. */
static bool lock(PGconn *connection)
{
    struct buffer text BUFFER_SCOPED = {0};
    sql_once(SQL_MIGRATION_LOCK, NULL, &text);
    return !text.failed && command(connection, buffer_text(&text));
}

/* In one transaction, under the lock. */
static int apply(PGconn *connection, char *ret_why, size_t why_cap)
{
    int version = 0;
    int i;
    if (!command(connection, "BEGIN") || !lock(connection) ||
        version_of(connection, &version) != 0) {
        say(ret_why, why_cap, PQerrorMessage(connection));
        return TROTH_ERROR_DATABASE;
    }
    if (version > schema_version) {
        say(ret_why, why_cap, "a newer version of schema troth_guard is there");
        return TROTH_ERROR_SCHEMA;
    }
    for (i = version; i < schema_version; i++) {
        if (!command(connection, guard_migrations[i].text)) {
            say(ret_why, why_cap, PQerrorMessage(connection));
            return TROTH_ERROR_DATABASE;
        }
    }
    if (!command(connection, "COMMIT")) {
        say(ret_why, why_cap, PQerrorMessage(connection));
        return TROTH_ERROR_DATABASE;
    }
    return 0;
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
