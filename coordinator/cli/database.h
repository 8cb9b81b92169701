/* database.h: a PostgreSQL that trothctl looks into by itself: a participant's, or the journal's.
 *
 * Only reads. Blocks for ten seconds at most, to connect and for each question. */
#ifndef CLI_DATABASE_H
#define CLI_DATABASE_H

#include <libpq-fe.h>

#include <base/buffer.h>
#include <troth/error.h>

void database_close(PGconn **connection);
#define DATABASE_SCOPED __attribute__((cleanup(database_close)))
void database_clear(PGresult **result);
#define RESULT_SCOPED __attribute__((cleanup(database_clear)))

/* false: why not is appended, in words that hold no password. */
TROTH_MUST_CHECK bool database_open(const char *conninfo, PGconn **ret_connection,
                                    struct buffer *why);
/* A statement without parameters; rows as text. */
TROTH_MUST_CHECK bool database_ask(PGconn *connection, const char *sql, PGresult **ret_result,
                                   struct buffer *why);

#endif
