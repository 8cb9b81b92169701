/* peer.c: the client's interface: peers and calls. */
#include "peer_parts.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>

#include "peer_call.h"
#include "peer_link.h"
#include "wait.h"

int http_peer_create(struct http_loop *loop, const struct http_peer_config *config,
                     struct http_peer **ret_peer)
{
    assert(loop != NULL && config->url != NULL && ret_peer != NULL);
    assert(config->connections_max > 0 && config->connect_timeout_us > 0);
    assert(http_limits_valid(&config->limits));
    struct http_peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    peer->loop = loop;
    peer->config = *config;
    peer->config.url = NULL; /* borrowed for this call only */
    TAILQ_INIT(&peer->links);
    TAILQ_INIT(&peer->idle);
    int result = http_url_parse(config->url, &peer->url);
    if (result == 0 && peer->url.is_tls && config->tls == NULL)
        result = TROTH_ERROR_CONFIG;
    if (result == 0)
        result = http_wait_init(peer);
    if (result != 0) {
        free(peer);
        return result;
    }
    loop->users++;
    *ret_peer = peer;
    return 0;
}

void http_peer_destroy(struct http_peer *peer)
{
    if (peer == NULL || peer->destroying)
        return;
    peer->destroying = true;
    peer->why[0] = 0;
    struct peer_link *link;
    while ((link = TAILQ_FIRST(&peer->links)) != NULL)
        if (link->state == PEER_LINK_CONNECTING || link->state == PEER_LINK_BUSY)
            http_link_finish(link, TROTH_ERROR_SHUTTING_DOWN, false);
        else
            http_link_close(link);
    http_wait_finish(peer);
    while (peer->unused != NULL) {
        struct http_call *call = peer->unused;
        peer->unused = call->next;
        free(call);
    }
    peer->loop->users--;
    if (peer->gone != NULL)
        *peer->gone = true;
    http_loop_bury(peer->loop, &peer->buried);
}

const char *http_peer_refusal(const struct http_peer *peer)
{
    const bool is_numeric = peer->name.expires_us == UINT64_MAX;
    return http_link_refusal(peer, is_numeric ? &peer->name.addresses[0].to : NULL);
}

const char *http_peer_why(const struct http_peer *peer)
{
    return peer->why;
}

int http_peer_errno(const struct http_peer *peer)
{
    return peer->why_errno;
}

uint32_t http_peer_free(const struct http_peer *peer)
{
    return peer->config.connections_max - peer->busy;
}

static struct http_call *new_call(struct http_peer *peer)
{
    struct http_call *call = peer->unused;
    if (call == NULL)
        return calloc(1, sizeof(*call));
    peer->unused = call->next;
    return call;
}

#define APPEND_LITERAL(buffer, text) buffer_append((buffer), (text), sizeof(text) - 1)

static void append_header(struct buffer *out, const char *name, const char *value)
{
    assert(strchr(value, '\n') == NULL && strchr(value, '\r') == NULL); /* names are literals */
    buffer_append_text(out, name);
    APPEND_LITERAL(out, ": ");
    buffer_append_text(out, value);
    APPEND_LITERAL(out, "\r\n");
}

static void build(const struct http_peer *peer, const struct http_request *request,
                  struct buffer *out)
{
    assert(http_is_token(request->method, strlen(request->method)));
    assert(strpbrk(request->target, " \r\n") == NULL);
    buffer_append_text(out, request->method);
    buffer_append_char(out, ' ');
    buffer_append_text(out, peer->url.base);
    buffer_append_text(out, request->target);
    if (peer->url.base[0] == 0 && request->target[0] != '/') {
        out->len -= strlen(request->target); /* "" or "?query" has a path in front */
        buffer_append_char(out, '/');
        buffer_append_text(out, request->target);
    }
    APPEND_LITERAL(out, " HTTP/1.1\r\nHost: ");
    buffer_append_text(out, peer->url.authority);
    APPEND_LITERAL(out, "\r\n");
    for (const struct http_header *h = request->headers; h != NULL && h->name != NULL; h++)
        append_header(out, h->name, h->value);
    if (request->type != NULL) {
        append_header(out, "Content-Type", request->type);
        APPEND_LITERAL(out, "Content-Length: ");
        buffer_append_uint(out, request->body.len);
        APPEND_LITERAL(out, "\r\n\r\n");
        buffer_append_span(out, request->body);
    } else if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
        APPEND_LITERAL(out, "\r\n");
    } else {
        APPEND_LITERAL(out, "Content-Length: 0\r\n\r\n");
    }
}

/* On a connection that is idle, or a new one. */
static int start(struct http_peer *peer, struct http_call *call, const struct http_request *request)
{
    (void)name_look(&peer->name, mono_now().us); /* an old one is asked for again beside the call */
    struct peer_link *link = http_link_reuse(peer);
    struct buffer fresh = {.data = NULL};
    struct buffer *out = link != NULL ? &link->conn.out : &fresh;
    build(peer, request, out);
    if (out->failed) {
        buffer_finish(out);
        return TROTH_ERROR_NO_MEMORY;
    }
    if (link == NULL)
        return http_wait_or_open(peer, call, &fresh);
    http_link_use(link, call);
    return 0;
}

int http_peer_call(struct http_peer *peer, const struct http_request *request,
                   struct http_call **ret_call)
{
    assert(request->method != NULL && request->target != NULL);
    assert(request->timeout_us > 0 && request->on_done != NULL);
    if (peer->destroying)
        return TROTH_ERROR_SHUTTING_DOWN;
    if (peer->busy >= peer->config.connections_max)
        return TROTH_ERROR_FULL;
    uint64_t now_us = mono_now().us;
    struct http_call *call = new_call(peer);
    if (call == NULL)
        return TROTH_ERROR_NO_MEMORY;
    *call = (struct http_call){
        .peer = peer,
        .on_head = request->on_head,
        .on_line = request->on_line,
        .on_done = request->on_done,
        .arg = request->arg,
        .deadline_us = now_us + request->timeout_us,
        .quiet_us = request->quiet_us,
        .connect_by_us = now_us + peer->config.connect_timeout_us,
        .is_head = strcmp(request->method, "HEAD") == 0,
    };
    call->is_safe = call->is_head || strcmp(request->method, "GET") == 0;
    int result = start(peer, call, request);
    if (result != 0) {
        http_peer_call_free(peer, call);
        return result;
    }
    if (ret_call != NULL)
        *ret_call = call;
    return 0;
}

void http_call_cancel(struct http_call *call)
{
    struct peer_link *link = call->link;
    if (link == NULL) {
        http_wait_cancel(call);
        return;
    }
    struct http_peer *peer = link->peer;
    assert(link->state == PEER_LINK_CONNECTING || link->state == PEER_LINK_BUSY);
    http_link_close(link);
    http_peer_call_free(peer, call);
}

bool http_reply_header(const struct http_reply *reply, const char *name,
                       struct troth_span *ret_value)
{
    const struct peer_link *link = reply->call->link;
    const struct http_parse *parse = link != NULL ? &link->parse : NULL;
    return parse != NULL && parse->head_done && http_parse_header(parse, name, ret_value) > 0;
}
