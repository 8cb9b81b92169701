/* route.c: where a channel's requests go: the replicas of one registration, and how they are
 * spoken to.
 *
 * A registration may be replaced at any time. What waits goes the new way; a request that is under
 * way ends on the route it began on, which goes with the last of them. */
#include "route.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <base/now.h>
#include <http/secrets.h>
#include <net/reach.h>

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
               IN_LOOPBACKNET;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Before each connect, so that nothing has left: where it leads now, and who could read along. */
static const char *refuses(void *arg, const char *host, const struct sockaddr *address, bool is_tls)
{
    const struct route *route = arg;
    const char *why = route->reach != NULL ? reach_refuses_host(route->reach, host) : NULL;
    if (address == NULL || why != NULL)
        return why;
    if (route->reach != NULL)
        why = reach_refuses(route->reach, host, address);
    if (why == NULL && route->token != NULL && !is_tls && !route->plain_tokens &&
        !is_loopback(address))
        why = "its token could be read on the way: take https (insecure = yes allows it)";
    return why;
}

static int create_peers(struct route *route, struct http_loop *loop,
                        const struct channel_config *config, const char *url)
{
    struct replica *replica = &route->replicas[route->replica_count++];
    struct http_peer_config peer = {
        .url = url,
        .connect_timeout_us = config->connect_timeout_us,
        .tls = config->tls,
        .refuses = refuses,
        .refuses_arg = route,
        .limits = HTTP_LIMITS_DEFAULT,
    };
    peer.limits.body_bytes_max = MESSAGE_LINE_MAX; /* of one line in the batch binding */
    for (int i = 0; i < PHASE_COUNT; i++) {
        /* One more than commands may have: a probe finds a connection when all others hang. */
        peer.connections_max = i == PHASE_1 ? CHANNEL_SLOTS_MAX : config->phase2_connections + 1;
        int result = http_peer_create(loop, &peer, &replica->peers[i]);
        if (result != 0)
            return result;
    }
    return 0;
}

int channel_route_create(struct http_loop *loop, const struct channel_config *config,
                         struct route **ret_route)
{
    struct route *route = calloc(1, sizeof(*route));
    if (route == NULL)
        return TROTH_ERROR_NO_MEMORY;
    route->binding = config->binding;
    route->refs = 1;
    route->reach = config->reach;
    route->plain_tokens = config->plain_tokens;
    int result = config->urls[0] != NULL ? 0 : TROTH_ERROR_CONFIG;
    if (result == 0 && config->token_file != NULL)
        result = http_secrets_create(config->token_file, &route->token);
    for (uint32_t i = 0; result == 0 && i < CHANNEL_URLS_MAX && config->urls[i] != NULL; i++)
        result = create_peers(route, loop, config, config->urls[i]);
    if (result != 0) {
        channel_route_drop(route);
        return result;
    }
    *ret_route = route;
    return 0;
}

/* Takes NULL. */
void channel_route_drop(struct route *route)
{
    if (route == NULL)
        return;
    assert(route->refs > 0);
    if (--route->refs > 0)
        return;
    for (uint32_t i = 0; i < route->replica_count; i++)
        for (int k = 0; k < PHASE_COUNT; k++)
            http_peer_destroy(route->replicas[i].peers[k]);
    http_secrets_destroy(route->token);
    free(route);
}

bool channel_route_token(struct route *route, const char **ret_shown, const char **ret_why)
{
    *ret_shown = NULL;
    if (route->token != NULL)
        *ret_shown = http_secrets_show(route->token, ret_why);
    return route->token == NULL || *ret_shown != NULL;
}

bool channel_route_is_among(uint32_t replicas, uint32_t at)
{
    return (replicas >> at & 1u) != 0;
}

/* The next in turn that is not among `lacking`; one that could not be reached a moment ago only
 * when all are like that. */
uint32_t channel_route_choose(struct route *route, uint32_t lacking)
{
    uint64_t now_us = mono_now().us;
    uint32_t first = route->replica_next;
    assert(lacking != (UINT32_C(1) << route->replica_count) - 1); /* one is left to be asked */
    while (channel_route_is_among(lacking, first))
        first = (first + 1) % route->replica_count;
    route->replica_next = (first + 1) % route->replica_count;
    for (uint32_t i = 0; i < route->replica_count; i++) {
        uint32_t at = (first + i) % route->replica_count;
        if (route->replicas[at].avoid_until_us <= now_us && !channel_route_is_among(lacking, at))
            return at;
    }
    return first;
}
