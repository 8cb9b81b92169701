/* dial.h: connecting to PostgreSQL, each host of the conninfo for its own time. */
#ifndef SDK_DIAL_H
#define SDK_DIAL_H

#include <libpq-fe.h>
#include <stddef.h>

#include <hosts/hosts.h>

#include "sql.h"

struct watch;

/* Of one host, where the conninfo names no connect_timeout. */
#define DIAL_TIMEOUT_US 5000000u
#define DIAL_ANSWER_US  10000000u

/* Goes through the hosts once, from the one that was good last (`*first`, which is set, by several
 * threads perhaps); each has its own time, from its name to the end of its greeting. What blocks is
 * the look-up of a name that stands in no file, which is the system's resolver's and its time.
 * NULL: `ret_why` has what each of them said. `watch` (may be NULL): gives up when it is ended. */
PGconn *dial(const struct hosts *hosts, _Atomic unsigned *first, struct watch *watch, char *ret_why,
             size_t why_cap);

/* One statement (sql_once()), outside of a pipeline. NULL: not answered in DIAL_ANSWER_US, or
 * no memory; the connection is to be closed then. */
PGresult *dial_ask(PGconn *connection, enum sql_statement statement, const char *argument);
/* What went wrong with it, in a line. */
const char *dial_why(const PGconn *connection);

#endif
