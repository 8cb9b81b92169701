/* wait.c: calls that wait until it is known where their peer's name leads. */
#include "wait.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include <base/now.h>

#include "peer_call.h"
#include "peer_link.h"

static uint64_t patience_of(const struct http_call *call)
{
    return call->connect_by_us < call->deadline_us ? call->connect_by_us : call->deadline_us;
}

static void set_patience(struct http_peer *peer)
{
    const struct name *name = &peer->name;
    uint64_t next_us = name->count > 0 ? name->asked_us + NAME_STALE_WAIT_US : UINT64_MAX;
    uint64_t now_us = mono_now().us;
    const struct http_call *call;
    if (TAILQ_EMPTY(&peer->waiting)) {
        (void)event_del(peer->patience);
        return;
    }
    TAILQ_FOREACH(call, &peer->waiting, waiting)
    {
        next_us = patience_of(call) < next_us ? patience_of(call) : next_us;
    }
    uint64_t wait_us = next_us > now_us ? next_us - now_us : 0;
    struct timeval wait = timeval_of(wait_us);
    (void)event_add(peer->patience, &wait);
}

static void leave(struct http_call *call)
{
    TAILQ_REMOVE(&call->peer->waiting, call, waiting);
    call->peer->busy--;
}

/* False: the host has destroyed the peer. */
static bool end(struct http_call *call, int error)
{
    struct http_peer *peer = call->peer;
    struct http_reply reply = {.body = {"", 0}, .why = peer->why, .call = call};
    bool *outer = peer->gone;
    bool is_gone = false;
    buffer_finish(&call->request);
    peer->gone = &is_gone;
    call->on_done(call->arg, error, &reply);
    if (is_gone) {
        if (outer != NULL)
            *outer = true;
        free(call);
        return false;
    }
    peer->gone = outer;
    http_peer_call_free(peer, call);
    if (!peer->destroying && peer->config.ready != NULL)
        peer->config.ready(peer->config.arg); /* the last that is done: it may destroy the peer */
    return true;
}

static bool go_on(struct http_call *call)
{
    struct http_peer *peer = call->peer;
    leave(call);
    struct buffer request = call->request;
    call->request = (struct buffer){.data = NULL};
    int error = http_link_open(peer, call, &request);
    return error == 0 || end(call, error);
}

static bool give_up(struct http_call *call, int error, const char *why)
{
    http_peer_say(call->peer, error, "%s: %s", call->peer->url.host, why);
    leave(call);
    return end(call, TROTH_ERROR_UNAVAILABLE);
}

/* False: the host has destroyed the peer. */
static bool serve_one(struct http_call *call)
{
    struct http_peer *peer = call->peer;
    uint64_t now_us = mono_now().us;
    switch (name_look(&peer->name, now_us)) {
    case NAME_KNOWN:
        return go_on(call);
    case NAME_NONE:
        return give_up(call, ENOENT, peer->name.why);
    case NAME_ASKED:
        break;
    }
    return now_us < patience_of(call) ||
           give_up(call, ETIMEDOUT, "no name server has answered in time");
}

/* Each of those that wait now, once: also those that are let in meanwhile wait for a later event.
 */
static void serve(struct http_peer *peer)
{
    struct http_call *call;
    uint32_t count = 0;
    TAILQ_FOREACH(call, &peer->waiting, waiting)
    {
        count++;
    }
    for (; count > 0 && (call = TAILQ_FIRST(&peer->waiting)) != NULL; count--) {
        TAILQ_REMOVE(&peer->waiting, call, waiting);
        TAILQ_INSERT_TAIL(&peer->waiting, call, waiting);
        if (!serve_one(call) || peer->destroying)
            return;
    }
    set_patience(peer);
}

static void serve_inside(struct http_peer *peer)
{
    struct http_loop *loop = peer->loop;
    http_loop_enter(loop);
    serve(peer);
    http_loop_leave(loop);
}

static void on_changed(void *arg)
{
    serve_inside(arg);
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    serve_inside(arg);
}

int http_wait_init(struct http_peer *peer)
{
    TAILQ_INIT(&peer->waiting);
    peer->patience = event_new(peer->loop->base, -1, EV_TIMEOUT, on_patience, peer);
    if (peer->patience == NULL)
        return TROTH_ERROR_NO_MEMORY;
    name_init(&peer->name, peer->loop, peer->url.host, (uint16_t)strtoul(peer->url.port, NULL, 10),
              on_changed, peer);
    return 0;
}

void http_wait_finish(struct http_peer *peer)
{
    struct http_call *call;
    while ((call = TAILQ_FIRST(&peer->waiting)) != NULL) {
        leave(call);
        (void)end(call, TROTH_ERROR_SHUTTING_DOWN);
    }
    name_finish(&peer->name);
    event_free(peer->patience);
}

int http_wait_or_open(struct http_peer *peer, struct http_call *call, struct buffer *request)
{
    switch (name_look(&peer->name, mono_now().us)) {
    case NAME_KNOWN:
        return http_link_open(peer, call, request);
    case NAME_NONE:
        http_peer_say(peer, ENOENT, "%s: %s", peer->url.host, peer->name.why);
        buffer_finish(request);
        return TROTH_ERROR_UNAVAILABLE;
    case NAME_ASKED:
        break;
    }
    call->request = *request;
    *request = (struct buffer){.data = NULL};
    TAILQ_INSERT_TAIL(&peer->waiting, call, waiting);
    peer->busy++;
    set_patience(peer);
    return 0;
}

void http_wait_cancel(struct http_call *call)
{
    struct http_peer *peer = call->peer;
    leave(call);
    buffer_finish(&call->request);
    http_peer_call_free(peer, call);
    set_patience(peer);
}
