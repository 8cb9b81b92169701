#include "proxy.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proxy_pair {
    struct proxy_pair *next;
    struct proxy *proxy;
    struct bufferevent *client, *server;
    bool lane; /* it has prepared the statement "fence" */
    bool dead;
    enum proxy_swallow swallow;
};

static void pair_kill(struct proxy_pair *pair)
{
    if (pair->dead)
        return;
    pair->dead = true;
    bufferevent_free(pair->client);
    bufferevent_free(pair->server);
}

static void pair_look(struct proxy_pair *pair, struct evbuffer *input)
{
    struct evbuffer_ptr found = evbuffer_search(input, "fence\0", 6, NULL);
    pair->lane = pair->lane || found.pos >= 0;
}

/* At most `limit` bytes. */
static void forward(struct bufferevent *from, struct bufferevent *to, size_t limit)
{
    struct evbuffer *input = bufferevent_get_input(from);
    size_t len = evbuffer_get_length(input);
    evbuffer_remove_buffer(input, bufferevent_get_output(to), len < limit ? len : limit);
}

/* What was already handed to the other side's buffer is sent before the cut. */
static void cut_behind(struct proxy_pair *pair, struct bufferevent *to)
{
    evbuffer_write(bufferevent_get_output(to), bufferevent_getfd(to));
    pair->proxy->cut = PROXY_CUT_NONE;
    pair->proxy->cuts++;
    pair_kill(pair);
}

static bool pair_swallows(const struct proxy_pair *pair, bool to_server)
{
    if (pair->swallow == PROXY_SWALLOW_REQUESTS)
        return to_server;
    if (pair->swallow == PROXY_SWALLOW_ANSWERS)
        return !to_server;
    return pair->proxy->swallow == PROXY_SWALLOW_LANES && pair->lane && !to_server;
}

void proxy_swallow(struct proxy *proxy, enum proxy_swallow swallow)
{
    proxy->swallow = swallow;
    for (struct proxy_pair *pair = proxy->pairs; pair != NULL; pair = pair->next)
        pair->swallow = swallow == PROXY_SWALLOW_NONE ? pair->swallow : swallow;
}

static void pair_pass(struct proxy_pair *pair, bool to_server)
{
    struct proxy *proxy = pair->proxy;
    struct bufferevent *from = to_server ? pair->client : pair->server;
    struct bufferevent *to = to_server ? pair->server : pair->client;
    size_t len = evbuffer_get_length(bufferevent_get_input(from));
    bool armed = pair->lane && proxy->cut == (to_server ? PROXY_CUT_REQUEST : PROXY_CUT_ANSWER);
    if (proxy->frozen)
        return;
    if (pair_swallows(pair, to_server)) {
        evbuffer_drain(bufferevent_get_input(from), len);
        return;
    }
    if (armed && len >= proxy->budget) {
        forward(from, to, proxy->budget);
        cut_behind(pair, to);
        return;
    }
    if (armed)
        proxy->budget -= len;
    if (to_server)
        pair_look(pair, bufferevent_get_input(from));
    forward(from, to, len);
}

static void on_client(struct bufferevent *from, void *arg)
{
    (void)from;
    pair_pass(arg, true);
}

static void on_server(struct bufferevent *from, void *arg)
{
    (void)from;
    pair_pass(arg, false);
}

static void on_event(struct bufferevent *side, short what, void *arg)
{
    struct proxy_pair *pair = arg;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
        return;
    if (side == pair->server && !pair->proxy->frozen) { /* the server's last words go through */
        forward(pair->server, pair->client, SIZE_MAX);
        evbuffer_write(bufferevent_get_output(pair->client), bufferevent_getfd(pair->client));
    }
    pair_kill(pair);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg)
{
    struct proxy *proxy = arg;
    struct proxy_pair *pair = calloc(1, sizeof *pair);
    struct sockaddr_in upstream = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)proxy->upstream_port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)listener;
    (void)from;
    (void)len;
    ck_assert_ptr_nonnull(pair);
    pair->proxy = proxy;
    pair->client = bufferevent_socket_new(proxy->world->base, fd, BEV_OPT_CLOSE_ON_FREE);
    pair->server = bufferevent_socket_new(proxy->world->base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(pair->client, on_client, NULL, on_event, pair);
    bufferevent_setcb(pair->server, on_server, NULL, on_event, pair);
    bufferevent_enable(pair->client, EV_READ | EV_WRITE);
    bufferevent_enable(pair->server, EV_READ | EV_WRITE);
    bufferevent_socket_connect(pair->server, (struct sockaddr *)&upstream, sizeof upstream);
    pair->next = proxy->pairs;
    proxy->pairs = pair;
}

void proxy_init(struct proxy *proxy, struct world *world)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof any;
    *proxy = (struct proxy){.world = world, .upstream_port = atoi(PQport(world->admin))};
    proxy->listener = evconnlistener_new_bind(world->base, on_accept, proxy, LEV_OPT_CLOSE_ON_FREE,
                                              -1, (struct sockaddr *)&any, sizeof any);
    ck_assert_ptr_nonnull(proxy->listener);
    getsockname(evconnlistener_get_fd(proxy->listener), (struct sockaddr *)&any, &len);
    snprintf(proxy->conninfo, sizeof proxy->conninfo,
             "host=127.0.0.1 port=%d user=postgres dbname=%s", ntohs(any.sin_port),
             world->database);
}

void proxy_finish(struct proxy *proxy)
{
    evconnlistener_free(proxy->listener);
    while (proxy->pairs != NULL) {
        struct proxy_pair *pair = proxy->pairs;

        proxy->pairs = pair->next;
        pair_kill(pair);
        free(pair);
    }
    event_base_loop(proxy->world->base, EVLOOP_NONBLOCK); /* libevent frees them in its own turn */
}

void proxy_arm(struct proxy *proxy, enum proxy_cut cut, size_t budget)
{
    proxy->cut = cut;
    proxy->budget = budget;
}

void proxy_freeze(struct proxy *proxy, bool frozen)
{
    proxy->frozen = frozen;
    for (struct proxy_pair *pair = proxy->pairs; !frozen && pair != NULL; pair = pair->next) {
        if (!pair->dead)
            pair_pass(pair, true);
        if (!pair->dead)
            pair_pass(pair, false);
    }
}
