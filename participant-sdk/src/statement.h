/* statement.h: operations that are one SQL statement (troth/postgres.h). */
#ifndef SDK_STATEMENT_H
#define SDK_STATEMENT_H

#include <base/buffer.h>
#include <troth/postgres.h>

struct pg_statement {
    char *reply;   /* the SQL, its row as JSON */
    char *whole;   /* the same, kept in the guard row that was claimed before */
    char *refusal; /* NULL: none */
    char *parameters[TROTH_POSTGRES_PARAMETERS_MAX];
    uint32_t count;
};

/* What a call's input gives for the parameters. */
struct pg_bound {
    const char *values[TROTH_POSTGRES_PARAMETERS_MAX]; /* NULL: null; into `texts` */
    struct buffer texts;                               /* to be finished */
};

/* TROTH_ERROR_INVALID: no SQL, or too many parameters; TROTH_ERROR_NO_MEMORY. pg_statement_finish()
 * it in any case. */
TROTH_MUST_CHECK int pg_statement_copy(struct pg_statement *statement,
                                       const struct troth_postgres_statement *from);
void pg_statement_finish(struct pg_statement *statement);
/* false: out of memory. */
bool pg_statement_bind(const struct pg_statement *statement, const struct troth_call *call,
                       struct pg_bound *ret_bound);
/* A troth_postgres_fn; `arg` is the statement. */
int pg_statement_work(void *arg, PGconn *connection, const struct troth_call *call,
                      struct troth_output *output);

#endif
