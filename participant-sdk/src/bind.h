/* bind.h: what a call says, as the parameters of a statement (troth/postgres.h). Pure. */
#ifndef SDK_BIND_H
#define SDK_BIND_H

#include <stdint.h>

#include <base/buffer.h>
#include <troth/postgres.h>

/* $1, $2, …: where each is found, and how it is bound (TROTH_POSTGRES_…). */
struct pg_parameters {
    char *paths[TROTH_POSTGRES_PARAMETERS_MAX];
    uint32_t how[TROTH_POSTGRES_PARAMETERS_MAX];
    uint32_t count;
};

struct pg_bound {
    const char *values[TROTH_POSTGRES_PARAMETERS_MAX]; /* NULL: null; into `texts` */
    struct buffer texts;                               /* to be finished */
    char why[256];                                     /* it is refused: the words */
};

enum pg_bind_end { PG_BIND_DONE, PG_BIND_REFUSED, PG_BIND_NO_MEMORY };

/* TROTH_ERROR_INVALID: too many, or a way to bind that is none; TROTH_ERROR_NO_MEMORY. Finish it in
 * any case. Both lists may be NULL. */
TROTH_MUST_CHECK int pg_parameters_copy(struct pg_parameters *parameters, const char *const *paths,
                                        const uint32_t *how);
void pg_parameters_finish(struct pg_parameters *parameters);
enum pg_bind_end pg_bind(const struct pg_parameters *parameters, const struct troth_call *call,
                         struct pg_bound *ret_bound);

#endif
