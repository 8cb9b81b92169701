/* verdict.h: from the answers of a batch to its rows. */
#ifndef JOURNAL_VERDICT_H
#define JOURNAL_VERDICT_H

#include <libpq-fe.h>

#include "batch.h"

/* false: the answer does not fit the rows of that kind. */
bool verdict_take(struct batch *batch, unsigned kind, const PGresult *result);

#endif
