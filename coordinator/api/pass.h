/* pass.h: any node answers any request: what another one leads is passed on to it, once. */
#ifndef API_PASS_H
#define API_PASS_H

#include "context.h"

enum route_by {
    ROUTE_BY_ANYBODY, /* every node knows it */
    ROUTE_BY_GTID,    /* who leads its shard */
    ROUTE_BY_KEY,     /* who leads the idempotency key's shard; without one whoever leads any */
    ROUTE_BY_ALL      /* a list: each node knows a part */
};

/* *ret_is_ours false: another node answers, and the exchange is taken care of. 503: its shard
 * changes hands, or its leader cannot be reached; nothing was done. */
TROTH_MUST_CHECK int pass_request(const struct request *request, enum route_by by,
                                  bool *ret_is_ours, struct api_problem *ret_problem);
/* Nothing more for those who follow a transaction under that identity. */
void pass_end_of(struct api *api, const char *who);

#endif
