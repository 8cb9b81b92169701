/* migrate.h: the version of the schema troth_guard. */
#ifndef SDK_MIGRATE_H
#define SDK_MIGRATE_H

#include <libpq-fe.h>
#include <stddef.h>

#include <troth/error.h>

/* The library's, which the database must have. */
extern const int schema_version;
TROTH_MUST_CHECK int schema_check(PGconn *connection, char *ret_why, size_t why_cap);

#endif
