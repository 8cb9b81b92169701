/* footing.h: what is looked at in the database before anything is begun. */
#ifndef SDK_FOOTING_H
#define SDK_FOOTING_H

#include <stddef.h>

#include <troth/error.h>

struct troth_postgres;

/* That it can be reached, that its sessions are nobody else's (no pooler in transaction mode), that
 * it may prepare as much as is announced, and that it has the guard's schema. Otherwise `ret_why`
 * says it, and TROTH_ERROR_UNAVAILABLE, TROTH_ERROR_CONFIG or TROTH_ERROR_SCHEMA. */
TROTH_MUST_CHECK int footing_check(struct troth_postgres *postgres, char *ret_why, size_t why_cap);

#endif
