/* sweep.h: guard rows of old transactions leave. Loop thread. */
#ifndef SDK_SWEEP_H
#define SDK_SWEEP_H

#include <troth/error.h>

struct event_base;
struct sweep;
struct troth_postgres;

TROTH_MUST_CHECK int sweep_create(struct troth_postgres *postgres, struct sweep **ret_sweep);
void sweep_attached(struct sweep *sweep, struct event_base *base);
void sweep_leave(struct sweep *sweep); /* the same */
void sweep_destroy(struct sweep *sweep);

#endif
