/* statement.c: operations that are one SQL statement: their texts, their refusals, and how they run
 * as a function does, on a connection's thread (the plain case: single.c). */
#include "statement.h"

#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <base/json.h>

#include "sized.h"
#include "sql.h"

/* --- texts ------------------------------------------------------------------------------------ */

static const char *behind(const char *text, const char *words)
{
    return strstr(text, words) + strlen(words);
}

static void append_name(struct buffer *text, const char *name)
{
    buffer_append_char(text, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            buffer_append_char(text, '"');
        buffer_append_char(text, *name);
    }
    buffer_append_char(text, '"');
}

/* With the numbers of its parameters raised by `shift`: $1 and so on have been taken. */
static void append_shifted(struct buffer *text, const char *from, const char *to, uint32_t shift)
{
    while (from < to) {
        const char *at = memchr(from, '$', (size_t)(to - from));
        char *end = NULL;

        if (at == NULL)
            at = to;
        buffer_append(text, from, (size_t)(at - from));
        if (at < to)
            buffer_append_format(text, "$%lu", strtoul(at + 1, &end, 10) + shift);
        from = end == NULL ? at : end;
    }
}

/* The operation's own statement, with `shift` parameters, in one of the library's (row.sql,
 * row_behind.sql). `refused`, where it is not NULL: a column in which a row says that it is none.
 * NULL: no memory. */
static char *text_of(enum sql_statement around, const char *sql, const char *refused,
                     uint32_t shift)
{
    static const char place[] = "table troth_guard.version", row[] = " from work";
    const char *begin = behind(strstr(sql_source(around), sql_name(around)), " as\n");
    const char *at = strstr(begin, place), *end = behind(at, row);
    struct buffer text = {0};
    buffer_append(&text, begin, (size_t)(at - begin));
    buffer_append_text(&text, sql);
    buffer_append_char(&text, '\n'); /* it may end with a comment */
    append_shifted(&text, at + sizeof place - 1, end, shift);
    if (refused != NULL) {
        buffer_append_text(&text, " where work.");
        append_name(&text, refused);
        buffer_append_text(&text, " is null");
    }
    append_shifted(&text, end, end + strlen(end), shift);
    if (buffer_text(&text) == NULL)
        buffer_finish(&text);
    return text.data;
}

static int copy_text(char **ret_copy, const char *text)
{
    *ret_copy = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret_copy == NULL ? TROTH_ERROR_NO_MEMORY : 0;
}

static int copy_constraints(struct pg_statement *statement, const char *const *from)
{
    size_t count = 0, i;
    int error = 0;
    while (from != NULL && from[count] != NULL)
        count++;
    if (from == NULL || count % 2 != 0)
        return from == NULL ? 0 : TROTH_ERROR_INVALID;
    statement->constraints = calloc(count + 1, sizeof *statement->constraints);
    if (statement->constraints == NULL)
        return TROTH_ERROR_NO_MEMORY;
    for (i = 0; i < count && error == 0; i++)
        error = copy_text(&statement->constraints[i], from[i]);
    return error;
}

/* What a refusal asks has parameters of its own, or those of its statement. */
static int copy_refusal(struct pg_statement *statement, const struct troth_postgres_statement *from)
{
    struct troth_postgres_statement query = {.sql = from->refusal, .parameters = from->parameters};
    int error;
    if (from->no_row != NULL &&
        (from->refusal != NULL ||
         SIZED_TAKE(&query, from->no_row, struct troth_postgres_statement, sql) != 0 ||
         query.sql == NULL || query.refusal != NULL || query.no_row != NULL ||
         query.refused != NULL || query.constraints != NULL))
        return TROTH_ERROR_INVALID;
    if (query.sql == NULL)
        return 0;
    error = pg_parameters_copy(&statement->refusal_parameters, query.parameters, query.binding);
    return error == 0 ? copy_text(&statement->refusal, query.sql) : error;
}

static int copy(struct pg_statement *statement, const struct troth_postgres_statement *from)
{
    int error = pg_parameters_copy(&statement->parameters, from->parameters, from->binding);
    if (error == 0)
        error = copy_refusal(statement, from);
    if (error == 0)
        error = copy_text(&statement->refused, from->refused);
    if (error == 0)
        error = copy_constraints(statement, from->constraints);
    if (error != 0)
        return error;
    statement->reply = text_of(SQL_ROW, from->sql, NULL, 0);
    statement->whole =
        text_of(SQL_ROW_BEHIND, from->sql, from->refused, statement->parameters.count);
    return statement->reply == NULL || statement->whole == NULL ? TROTH_ERROR_NO_MEMORY : 0;
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
    size_t i;
    pg_parameters_finish(&statement->parameters);
    pg_parameters_finish(&statement->refusal_parameters);
    for (i = 0; statement->constraints != NULL && statement->constraints[i] != NULL; i++)
        free(statement->constraints[i]);
    free((void *)statement->constraints);
    free(statement->reply);
    free(statement->whole);
    free(statement->refusal);
    free(statement->refused);
}

/* --- as a function ---------------------------------------------------------------------------- */

static int refused(PGconn *connection, const struct pg_statement *statement,
                   const struct troth_call *call, struct troth_output *output)
{
    struct pg_bound bound = {.values = {NULL}};
    PGresult *result = NULL;
    enum pg_bind_end end = PG_BIND_DONE;
    if (statement->refusal != NULL)
        end = pg_bind(&statement->refusal_parameters, call, &bound);
    if (end == PG_BIND_REFUSED)
        troth_output_reason(output, bound.why);
    else if (end == PG_BIND_DONE && statement->refusal != NULL)
        result = troth_postgres_query(connection, statement->refusal,
                                      (int)statement->refusal_parameters.count, bound.values);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 &&
        PQnfields(result) > 0 && !PQgetisnull(result, 0, 0))
        troth_output_reason(output, PQgetvalue(result, 0, 0));
    PQclear(result);
    buffer_finish(&bound.texts);
    return end == PG_BIND_NO_MEMORY ? TROTH_ERROR_NO_MEMORY : TROTH_ERROR_REFUSED;
}

/* Data that does not fit, a constraint, or what a function of the service's own has raised: it
 * would be the same again. */
static bool is_refusal(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && sql_state_is_refusal(state);
}

static const char *words_of(const struct pg_statement *statement, const PGresult *result)
{
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    size_t i;
    if (name != NULL && statement->constraints != NULL)
        for (i = 0; statement->constraints[i] != NULL; i += 2)
            if (strcmp(statement->constraints[i], name) == 0)
                return statement->constraints[i + 1];
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

/* The column that says so is not null; its text, or the JSON that it is. */
static bool says_no(const struct pg_statement *statement, struct troth_span row,
                    struct troth_output *output)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span value;
    if (statement->refused == NULL || json_check(row, JSON_CHECK_KEPT, &row, NULL) != 0 ||
        !json_member(row, statement->refused, &value) || json_type(value) == JSON_NULL)
        return false;
    if (json_string(value, &text) != 0)
        buffer_append_span(&text, value);
    if (buffer_text(&text) != NULL)
        troth_output_reason(output, text.data);
    return true;
}

static int answer(PGconn *connection, const struct pg_statement *statement,
                  const struct troth_call *call, const PGresult *result,
                  struct troth_output *output)
{
    struct troth_span row;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        if (!is_refusal(result))
            return TROTH_ERROR_DATABASE;
        troth_output_reason(output, words_of(statement, result));
        return TROTH_ERROR_REFUSED;
    }
    if (PQntuples(result) == 0)
        return refused(connection, statement, call, output);
    if (PQntuples(result) > 1) {
        troth_output_reason(output, "the operation's statement gave more than one row");
        return TROTH_ERROR_DATABASE;
    }
    row = (struct troth_span){PQgetvalue(result, 0, 0), strlen(PQgetvalue(result, 0, 0))};
    if (says_no(statement, row, output))
        return TROTH_ERROR_REFUSED;
    troth_output_json(output, row);
    return 0;
}

int pg_statement_work(void *arg, PGconn *connection, const struct troth_call *call,
                      struct troth_output *output)
{
    const struct pg_statement *statement = arg;
    struct pg_bound bound = {.values = {NULL}};
    const enum pg_bind_end bind = pg_bind(&statement->parameters, call, &bound);
    PGresult *result;
    int end = bind == PG_BIND_REFUSED ? TROTH_ERROR_REFUSED : TROTH_ERROR_NO_MEMORY;
    if (bind == PG_BIND_REFUSED)
        troth_output_reason(output, bound.why);
    if (bind == PG_BIND_DONE) {
        result = troth_postgres_query(connection, statement->reply,
                                      (int)statement->parameters.count, bound.values);
        end = answer(connection, statement, call, result, output);
        PQclear(result);
    }
    buffer_finish(&bound.texts);
    return end;
}
