/* statement.h: operations that are one SQL statement (troth/postgres.h). */
#ifndef SDK_STATEMENT_H
#define SDK_STATEMENT_H

#include <troth/postgres.h>

#include "bind.h"

struct pg_statement {
    char *reply; /* the SQL, its row as JSON */
    char *whole; /* the same with the guard row behind it; NULL: not a statement */
    struct pg_parameters parameters;
    char *refusal; /* NULL: none */
    struct pg_parameters refusal_parameters;
    char *refused;      /* a column; NULL: none */
    char **constraints; /* name, reason, …, NULL; or NULL */
};

/* TROTH_ERROR_INVALID: no SQL, too many parameters, two refusals; TROTH_ERROR_NO_MEMORY.
 * pg_statement_finish() it in any case. */
TROTH_MUST_CHECK int pg_statement_copy(struct pg_statement *statement,
                                       const struct troth_postgres_statement *from);
void pg_statement_finish(struct pg_statement *statement);
/* A troth_postgres_fn; `arg` is the statement. */
int pg_statement_work(void *arg, PGconn *connection, const struct troth_call *call,
                      struct troth_output *output);

#endif
