/* verdict.h: from the answers of a batch to its rows. */
#ifndef JOURNAL_VERDICT_H
#define JOURNAL_VERDICT_H

#include <libpq-fe.h>

#include "statements.h"

/* Into the verdicts of that statement's rows; or into batch->partly, where not all were written.
 * false: the answer does not fit the rows. */
bool verdict_take(struct batch *batch, enum statement_kind kind, PGresult *result);

#endif
