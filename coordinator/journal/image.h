/* image.h: a transaction as the journal's tables show it. */
#ifndef JOURNAL_IMAGE_H
#define JOURNAL_IMAGE_H

#include <journal/journal.h>
#include <libpq-fe.h>

/* In the order of get.sql, load.sql, inquire.sql and list.sql. */
#define IMAGE_COLUMNS_COUNT 27
#define IMAGE_BEGAN_AT      15

/* Columns in that order, beginning with `first`. Spans point into the result. TROTH_ERROR_SYNTAX: a
 * word in it is not known; the gtid is filled in all the same when it could be read. */
TROTH_MUST_CHECK int image_read(const PGresult *result, int n, int first,
                                struct journal_row *ret_row);

#endif
