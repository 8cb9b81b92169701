/* route.h: where requests go. */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include "inside.h"

TROTH_MUST_CHECK int channel_route_create(struct http_loop *loop,
                                          const struct channel_config *config,
                                          struct route **ret_route);
void channel_route_drop(struct route *route);
uint32_t channel_route_choose(struct route *route, uint32_t lacking);
/* What its requests show ("Bearer …", valid until the next call), or NULL where they show nothing.
 * false: there is no token where one is to be shown; *ret_why is why. */
bool channel_route_token(struct route *route, const char **ret_shown, const char **ret_why);
/* Bit `at`. */
bool channel_route_is_among(uint32_t replicas, uint32_t at);

#endif
