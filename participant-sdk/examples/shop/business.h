/* business.h: what the shop can do, operation by operation. */
#ifndef SHOP_BUSINESS_H
#define SHOP_BUSINESS_H

#include <stdbool.h>
#include <stddef.h>

#include <troth/postgres.h>

/* Every participant that the shop can be, separated by spaces: what `--only` chooses from. */
extern const char business_participants[];

/* Is `name` one of them? */
bool business_knows(const char *name, size_t len);

/* Registers the operations of the participants in `only` ("inventory,payments"; NULL: all).
 * Errors: as troth_postgres_handle(). Once in a process. */
TROTH_MUST_CHECK int business_register(struct troth_postgres *postgres, const char *only);

#endif
