/* statements.h: the lane's statements: their texts, and which part of a row goes into which
 * parameter. */
#ifndef JOURNAL_STATEMENTS_H
#define JOURNAL_STATEMENTS_H

#include "batch.h"
#include "param.h"

/* Columns of an answer, one row for each row given. */
enum statement_answer {
    ANSWER_N,       /* which one, from 1 */
    ANSWER_LED,     /* the shard's epoch is the row's */
    ANSWER_WRITTEN, /* by this statement */
    ANSWER_SAME, /* not written, and what stands was written under this epoch and says the same */
    ANSWER_STANDING /* the decision of that attempt, or null */
};

#define STATEMENT_LOCK "lock"

struct statement {
    const char *name;
    const char *sql;
};
extern const struct statement statements[ROW_KINDS];
/* The same of a single row; NULL: it has none, and a row is an array of one. */
extern const struct statement statements_of_one[ROW_KINDS];

/* The parameters of a kind's statement: one array a column, of the rows of that kind which are
 * written by themselves. */
void statement_params(const struct batch *batch, unsigned kind, struct params *params);
/* The same of the statement of one: its row's values. */
void statement_params_of_one(const struct batch *batch, unsigned kind, struct params *params);
/* The lock's: the shards of the batch. */
void statement_lock_params(const struct batch *batch, struct params *params);

#endif
