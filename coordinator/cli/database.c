/* database.c: connects, and asks. */
#include "database.h"

#include <string.h>

#include <operator_sql.h>

void database_close(PGconn **connection)
{
    PQfinish(*connection);
    *connection = NULL;
}

void database_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

/* On one line: libpq ends its words with a line feed, and may say several. */
static void append_words(struct buffer *why, const char *words)
{
    size_t len = strlen(words);
    while (len > 0 && words[len - 1] == '\n')
        len--;
    for (size_t i = 0; i < len; i++)
        buffer_append_char(why, words[i] == '\n' ? ' ' : words[i]);
}

bool database_open(const char *conninfo, PGconn **ret_connection, struct buffer *why)
{
    /* What the conninfo says itself comes behind, and holds. */
    static const char *const keywords[] = {"connect_timeout", "application_name", "dbname", NULL};
    const char *const values[] = {"10", "trothctl", conninfo, NULL};
    RESULT_SCOPED PGresult *result = NULL;
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (connection == NULL) {
        buffer_append_text(why, "out of memory");
        return false;
    }
    if (PQstatus(connection) != CONNECTION_OK) {
        append_words(why, PQerrorMessage(connection));
        database_close(&connection);
        return false;
    }
    if (!database_ask(connection, operator_sql_session, &result, why)) {
        database_close(&connection);
        return false;
    }
    *ret_connection = connection;
    return true;
}

bool database_ask(PGconn *connection, const char *sql, PGresult **ret_result, struct buffer *why)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        append_words(why, PQerrorMessage(connection));
        PQclear(result);
        return false;
    }
    *ret_result = result;
    return true;
}
