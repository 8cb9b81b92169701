/* statements.h: the lane's statements: their texts, which rows go with which of them, and which
 * part of a row goes into which parameter. */
#ifndef JOURNAL_STATEMENTS_H
#define JOURNAL_STATEMENTS_H

#include "batch.h"
#include "param.h"

/* In the order in which they run in a batch: what a later one looks up is there. */
enum statement_kind {
    STATEMENT_BEGIN,
    STATEMENT_DECIDE, /* a transaction's first row, with its decision */
    STATEMENT_OUTBOX, /* the events of those */
    STATEMENT_DELEGATE,
    STATEMENT_STEP,
    STATEMENT_DECISION,
    STATEMENT_ATTEMPT,
    STATEMENT_OUTCOME,
    STATEMENT_END,
    STATEMENT_DELETE,
    STATEMENT_OPEN_PUT,
    STATEMENT_OPEN_DROP,
    STATEMENTS_COUNT
};

/* What a statement answers. */
enum statement_answers {
    ANSWERS_NOTHING, /* another statement of the batch has the verdict of its rows */
    ANSWERS_TAG,     /* its command tag: how many were written */
    ANSWERS_NUMBER,  /* one number: how many were written */
    ANSWERS_ROWS     /* one row for each given, with the columns below */
};

enum statement_answer {
    ANSWER_N,       /* which one, from 1 */
    ANSWER_LED,     /* the shard's epoch is the row's */
    ANSWER_WRITTEN, /* by this statement */
    ANSWER_SAME, /* not written, and what stands was written under this epoch and says the same */
    ANSWER_STANDING /* the decision of that attempt, or null */
};

#define STATEMENT_FENCE "fence" /* first in a batch that is written for the first time */
#define STATEMENT_LOCK  "lock"  /* first in one that is written again */

struct statement_text {
    const char *name;
    const char *sql; /* NULL: there is none */
    enum statement_answers answers;
};

/* In which of its forms a statement is said. */
enum statement_form {
    FORM_FIRST, /* short, and behind the fence, which has looked at the epochs */
    FORM_ONE,   /* the same of a single row: its values, and no arrays */
    FORM_AGAIN, /* with a verdict for each row */
    FORMS_COUNT
};

/* How it is said of its rows in this batch. What did not write all its rows is said again, as after
 * an unknown COMMIT. Some are said in one form only. */
enum statement_form statement_form(const struct batch *batch, enum statement_kind kind);
/* NULL sql: nothing is to be said. */
const struct statement_text *statement_text(enum statement_kind kind, enum statement_form form);
/* Its n-th row of a batch, or a later one; NULL: there is none from there on. */
struct row *statement_row(const struct batch *batch, enum statement_kind kind, size_t *n);
size_t statement_rows(const struct batch *batch, enum statement_kind kind);
/* Its parameters: one array a column, of its rows; of the form of one: that row's values. */
void statement_params(const struct batch *batch, enum statement_kind kind, struct params *params);
/* The fence's, behind its mark: the shards of the batch and their epochs. */
void statement_fence_params(const struct batch *batch, struct params *params);
/* The lock's: the shards of the batch. */
void statement_lock_params(const struct batch *batch, struct params *params);

#endif
