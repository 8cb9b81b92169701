/* statement.c: operations that are one SQL statement: their texts, their parameters, and how they
 * run as a function does, on a connection's thread (the plain case: single.c). */
#include "statement.h"

#include <stdlib.h>
#include <string.h>

#include <base/json.h>

#include "sized.h"
#include "sql.h"

/* --- texts ------------------------------------------------------------------------------------ */

/* The operation's own statement in one of the library's (row.sql, row_kept.sql). NULL: no memory.
 */
static char *text_of(enum sql_statement around, const char *sql)
{
    static const char head_end[] = " as\n", place[] = "table troth_guard.version";
    const char *head = strstr(sql_source(around), sql_name(around));
    const char *begin = strstr(head, head_end) + sizeof head_end - 1;
    const char *at = strstr(begin, place);
    struct buffer text = {0};
    buffer_append(&text, begin, (size_t)(at - begin));
    buffer_append_text(&text, sql);
    buffer_append_char(&text, '\n'); /* it may end with a comment */
    buffer_append_text(&text, at + sizeof place - 1);
    if (buffer_text(&text) == NULL)
        buffer_finish(&text);
    return text.data;
}

static int copy(struct pg_statement *statement, const struct troth_postgres_statement *from)
{
    uint32_t i;
    while (from->parameters != NULL && from->parameters[statement->count] != NULL) {
        if (statement->count == TROTH_POSTGRES_PARAMETERS_MAX)
            return TROTH_ERROR_INVALID;
        statement->count++;
    }
    statement->reply = text_of(SQL_ROW, from->sql);
    statement->whole = text_of(SQL_ROW_KEPT, from->sql);
    statement->refusal = from->refusal == NULL ? NULL : strdup(from->refusal);
    for (i = 0; i < statement->count; i++) {
        statement->parameters[i] = strdup(from->parameters[i]);
        if (statement->parameters[i] == NULL)
            return TROTH_ERROR_NO_MEMORY;
    }
    return statement->reply == NULL || statement->whole == NULL ||
                   (from->refusal != NULL && statement->refusal == NULL)
               ? TROTH_ERROR_NO_MEMORY
               : 0;
}

int pg_statement_copy(struct pg_statement *statement, const struct troth_postgres_statement *from)
{
    struct troth_postgres_statement taken;
    memset(statement, 0, sizeof *statement);
    return SIZED_TAKE(&taken, from, struct troth_postgres_statement, sql) != 0 || taken.sql == NULL
               ? TROTH_ERROR_INVALID
               : copy(statement, &taken);
}

void pg_statement_finish(struct pg_statement *statement)
{
    uint32_t i;
    for (i = 0; i < statement->count; i++)
        free(statement->parameters[i]);
    free(statement->reply);
    free(statement->whole);
    free(statement->refusal);
}

/* --- parameters ------------------------------------------------------------------------------- */

/* a.b: member b of a. false: not there, or null. */
static bool find(struct troth_span value, const char *path, struct troth_span *ret_value)
{
    while (value.data != NULL && json_type(value) == JSON_OBJECT) {
        const size_t len = strcspn(path, ".");

        if (!json_member_span(value, (struct troth_span){path, len}, &value))
            return false;
        if (path[len] == '\0') {
            *ret_value = value;
            return json_type(value) != JSON_NULL;
        }
        path += len + 1;
    }
    return false;
}

bool pg_statement_bind(const struct pg_statement *statement, const struct troth_call *call,
                       struct pg_bound *ret_bound)
{
    size_t at[TROTH_POSTGRES_PARAMETERS_MAX];
    bool there[TROTH_POSTGRES_PARAMETERS_MAX];
    struct buffer *texts = &ret_bound->texts;
    struct troth_span value;
    uint32_t i;
    buffer_clear(texts);
    for (i = 0; i < statement->count; i++) {
        at[i] = texts->len;
        there[i] = find(call->input, statement->parameters[i], &value);
        if (there[i] && json_type(value) == JSON_STRING)
            texts->failed = json_string(value, texts) != 0 || texts->failed;
        else if (there[i])
            buffer_append_span(texts, value);
        buffer_append_char(texts, '\0');
    }
    for (i = 0; i < statement->count && !texts->failed; i++)
        ret_bound->values[i] = there[i] ? texts->data + at[i] : NULL;
    return !texts->failed;
}

/* --- as a function ---------------------------------------------------------------------------- */

static int refused(PGconn *connection, const struct pg_statement *statement,
                   const struct pg_bound *bound, struct troth_output *output)
{
    PGresult *result;
    if (statement->refusal == NULL)
        return TROTH_ERROR_REFUSED;
    result =
        troth_postgres_query(connection, statement->refusal, (int)statement->count, bound->values);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 &&
        PQnfields(result) > 0 && !PQgetisnull(result, 0, 0))
        troth_output_reason(output, PQgetvalue(result, 0, 0));
    PQclear(result);
    return TROTH_ERROR_REFUSED;
}

/* Data that does not fit, a constraint: it would be the same again. */
static bool is_refusal(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0);
}

static int answer(PGconn *connection, const struct pg_statement *statement,
                  const struct pg_bound *bound, const PGresult *result, struct troth_output *output)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        if (!is_refusal(result))
            return TROTH_ERROR_DATABASE;
        troth_output_reason(output, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        return TROTH_ERROR_REFUSED;
    }
    if (PQntuples(result) == 0)
        return refused(connection, statement, bound, output);
    if (PQntuples(result) > 1) {
        troth_output_reason(output, "the operation's statement gave more than one row");
        return TROTH_ERROR_DATABASE;
    }
    troth_output_json(
        output, (struct troth_span){PQgetvalue(result, 0, 0), strlen(PQgetvalue(result, 0, 0))});
    return 0;
}

int pg_statement_work(void *arg, PGconn *connection, const struct troth_call *call,
                      struct troth_output *output)
{
    const struct pg_statement *statement = arg;
    struct pg_bound bound = {.values = {NULL}};
    PGresult *result;
    int end = TROTH_ERROR_NO_MEMORY;
    if (pg_statement_bind(statement, call, &bound)) {
        result =
            troth_postgres_query(connection, statement->reply, (int)statement->count, bound.values);
        end = answer(connection, statement, &bound, result, output);
        PQclear(result);
    }
    buffer_finish(&bound.texts);
    return end;
}
