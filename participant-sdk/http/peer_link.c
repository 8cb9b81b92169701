/* peer_link.c: a client connection: connecting, the answer, and what a lost connection means. */
#include "peer_link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/now.h>

#include "peer_call.h"
#include "transport.h"

#define EDGE(state) (1u << (state))
#define PEER_LINK_MARGIN_US                                                                        \
    UINT64_C(1000000) /* closed so long before the server says that it will */

static const struct {
    const char *name;
    unsigned next;
} states[PEER_LINK_STATE_COUNT] = {
    [PEER_LINK_CONNECTING] = {"connecting", EDGE(PEER_LINK_BUSY) | EDGE(PEER_LINK_FINISHING)},
    [PEER_LINK_BUSY] = {"busy", EDGE(PEER_LINK_FINISHING)},
    [PEER_LINK_FINISHING] = {"finishing", EDGE(PEER_LINK_IDLE)},
    [PEER_LINK_IDLE] = {"idle", EDGE(PEER_LINK_BUSY)},
};

static void set_state(struct peer_link *link, enum peer_link_state state)
{
    assert((states[link->state].next & EDGE(state)) != 0);
    link->state = state;
}

static const struct http_conn_ops ops;

void http_link_close(struct peer_link *link)
{
    struct http_peer *peer = link->peer;
    if (link->state == PEER_LINK_IDLE)
        TAILQ_REMOVE(&peer->idle, link, idle);
    else
        peer->busy--;
    TAILQ_REMOVE(&peer->links, link, all);
    link->call = NULL;
    http_parse_finish(&link->parse);
    http_conn_close(&link->conn);
}

/* Whether the peer's name still leads where the connection goes. */
static bool has_address(struct peer_link *link)
{
    struct name *name = &link->peer->name;
    if (link->round != name->round) {
        if (!name_has(name, &link->address))
            return false;
        link->round = name->round;
    }
    return true;
}

/* How long the connection may be idle before it is closed from here. Sooner than the other side
 * would: a request that meets its close is lost. A server says when it will (Keep-Alive:
 * timeout=5); of one that does not we only know our own limit, which may be its, too. 0: at once.
 */
static uint64_t idle_us(const struct peer_link *link)
{
    const uint64_t own_us = link->peer->config.limits.idle_timeout_us / 4 * 3;
    uint32_t said_s;
    if (!http_parse_keep_alive(&link->parse, &said_s))
        return own_us;
    uint64_t said_us = said_s * UINT64_C(1000000);
    said_us = said_us > 2 * PEER_LINK_MARGIN_US ? said_us - PEER_LINK_MARGIN_US : said_us / 2;
    return said_us < own_us ? said_us : own_us;
}

void http_link_finish(struct peer_link *link, int error, bool is_reusable)
{
    struct http_peer *peer = link->peer;
    struct http_call *call = link->call;
    set_state(link, PEER_LINK_FINISHING);
    http_conn_read_deadline(&link->conn, 0);
    struct http_reply reply = {
        .status = link->parse.head_done ? (int)link->parse.llhttp.status_code : 0,
        .body = {link->parse.body.len > 0 ? link->parse.body.data : "", link->parse.body.len},
        .why = error != 0 ? peer->why : "",
        .call = call,
    };
    call->on_done(call->arg, error, &reply);
    if (link->conn.transport.fd < 0) { /* the host has destroyed the peer */
        free(call);
        return;
    }
    http_peer_call_free(peer, call);
    link->call = NULL;
    const uint64_t kept_us = is_reusable && has_address(link) ? idle_us(link) : 0;
    if (kept_us > 0) {
        set_state(link, PEER_LINK_IDLE);
        TAILQ_INSERT_HEAD(&peer->idle, link, idle);
        peer->busy--;
        http_buffer_reset(&link->conn.out);
        link->conn.out_sent = 0;
        http_conn_read_deadline(&link->conn, mono_now().us + kept_us);
    } else {
        http_link_close(link);
    }
    if (!peer->destroying && peer->config.ready != NULL)
        peer->config.ready(peer->config.arg);
}

/* Ends the call with an error, and with words for it. */
static void fail(struct peer_link *link, int error, const char *words)
{
    struct http_peer *peer = link->peer;
    char address[RESOLVER_ADDRESS_TEXT_MAX];
    resolver_address_format(&link->address, address);
    http_peer_say(peer, 0, "%s: %s", address, words);
    http_link_finish(link, error, false);
}

/* The connection came to nothing and the call has no other way: http_peer_say() has been told. */
static void give_up(struct peer_link *link)
{
    http_link_finish(link, link->call->was_repeated ? TROTH_ERROR_LOST : TROTH_ERROR_UNAVAILABLE,
                     false);
}

static void note_failure(struct http_peer *peer, const struct resolver_address *address, int error,
                         const char *words)
{
    char text[RESOLVER_ADDRESS_TEXT_MAX];
    bool is_name = peer->name.expires_us != UINT64_MAX;
    resolver_address_format(address, text);
    http_peer_say(peer, error, is_name ? "%s: %s (%s)" : "%s: %s", text, words, peer->url.host);
    name_failed(&peer->name, address, mono_now().us);
}

static uint64_t connect_by_us(const struct http_call *call)
{
    return call->connect_by_us < call->deadline_us ? call->connect_by_us : call->deadline_us;
}

/* Its share of the time that is left: what is not tried yet has to have one too. */
static void set_connect_deadline(struct peer_link *link)
{
    uint64_t now_us = mono_now().us;
    uint64_t by_us = connect_by_us(link->call);
    uint64_t left_us = by_us > now_us ? by_us - now_us : 1;
    uint32_t untried = 1; /* itself */
    for (uint32_t i = 0; i < link->peer->name.count; i++)
        untried += (link->call->tried & (1u << i)) == 0 ? 1 : 0;
    http_conn_read_deadline(&link->conn, now_us + left_us / untried + 1);
}

static int connect_to(const struct resolver_address *to, int *ret_fd)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return errno;
    if (connect(fd, &to->any, to->size) == 0 || errno == EINPROGRESS) {
        *ret_fd = fd;
        return 0;
    }
    int error = errno;
    (void)close(fd);
    return error;
}

const char *http_link_refusal(const struct http_peer *peer, const struct resolver_address *to)
{
    const struct http_peer_config *config = &peer->config;
    return config->refuses == NULL
               ? NULL
               : config->refuses(config->refuses_arg, peer->url.host, to != NULL ? &to->any : NULL,
                                 peer->url.is_tls);
}

/* Begins to connect to the next address that does not fail at once. */
static int connect_next(struct http_peer *peer, struct http_call *call,
                        struct resolver_address *ret_address, int *ret_fd)
{
    uint64_t now_us = mono_now().us;
    if (call->round != peer->name.round) { /* other addresses than those that were tried */
        call->tried = 0;
        call->round = peer->name.round;
    }
    for (;;) {
        uint32_t at = name_choose(&peer->name, call->tried, now_us);
        if (at == UINT32_MAX)
            return TROTH_ERROR_UNAVAILABLE;
        call->tried |= 1u << at;
        const struct resolver_address *to = &peer->name.addresses[at].to;
        const char *refused = http_link_refusal(peer, to);
        if (refused != NULL) {
            note_failure(peer, to, EACCES, refused);
            continue;
        }
        int error = connect_to(to, ret_fd);
        if (error == 0) {
            *ret_address = *to;
            return 0;
        }
        note_failure(peer, to, error, strerror(error));
    }
}

/* Takes `fd`. */
static struct peer_link *make_link(struct http_peer *peer, int fd)
{
    struct tls_session *tls = NULL;
    struct peer_link *link = calloc(1, sizeof(*link));
    if (link == NULL || http_parse_init(&link->parse, HTTP_RESPONSE, &peer->config.limits) != 0) {
        free(link);
        (void)close(fd);
        return NULL;
    }
    if (peer->url.is_tls && tls_session_create(peer->config.tls, peer->url.host, &tls) != 0)
        (void)close(fd);
    else if (http_conn_init(&link->conn, peer->loop, &ops, fd, tls, true) == 0)
        return link;
    http_parse_finish(&link->parse);
    free(link);
    return NULL;
}

static int open_next(struct http_peer *peer, struct http_call *call, struct buffer *request)
{
    struct resolver_address address;
    int fd = -1;
    int result = connect_next(peer, call, &address, &fd);
    if (result != 0)
        return result;
    struct peer_link *link = make_link(peer, fd);
    if (link == NULL)
        return TROTH_ERROR_NO_MEMORY;
    link->peer = peer;
    link->state = PEER_LINK_CONNECTING;
    link->address = address;
    link->round = peer->name.round;
    link->conn.calls = true;
    link->conn.write_timeout_us = peer->config.limits.write_timeout_us;
    link->conn.out = *request;
    *request = (struct buffer){.data = NULL};
    link->call = call;
    call->link = link;
    TAILQ_INSERT_TAIL(&peer->links, link, all);
    peer->busy++;
    set_connect_deadline(link);
    return 0;
}

int http_link_open(struct http_peer *peer, struct http_call *call, struct buffer *request)
{
    int result = open_next(peer, call, request);
    if (result != 0)
        buffer_finish(request);
    return result;
}

/* Takes the call and its request off a connection that is of no use to them. */
static void move_on(struct peer_link *link)
{
    struct http_peer *peer = link->peer;
    struct http_call *call = link->call;
    struct buffer request = link->conn.out;
    link->conn.out = (struct buffer){.data = NULL};
    link->conn.out_sent = 0;
    if (open_next(peer, call, &request) == 0) {
        http_link_close(link);
        return;
    }
    buffer_finish(&request);
    give_up(link);
}

/* For something to read: until the call's end, or for as long as it may be quiet. */
static void await(struct peer_link *link)
{
    const struct http_call *call = link->call;
    uint64_t until_us = call->quiet_us != 0 ? mono_now().us + call->quiet_us : UINT64_MAX;
    http_conn_read_deadline(&link->conn,
                            until_us < call->deadline_us ? until_us : call->deadline_us);
}

static void on_connected(struct http_conn *conn, int error)
{
    struct peer_link *link = (struct peer_link *)conn;
    if (error != 0) {
        note_failure(link->peer, &link->address, error,
                     http_transport_why(&conn->transport, error));
        move_on(link);
        return;
    }
    name_worked(&link->peer->name, &link->address);
    set_state(link, PEER_LINK_BUSY);
    link->parse.skip_body = link->call->is_head;
    link->parse.streaming = link->call->on_line != NULL;
    http_conn_read_start(conn);
    await(link);
    http_conn_send(conn);
}

struct peer_link *http_link_reuse(struct http_peer *peer)
{
    struct peer_link *link;
    while ((link = TAILQ_FIRST(&peer->idle)) != NULL) {
        if (has_address(link)) /* and whether it is stale is seen when it writes */
            return link;
        http_link_close(link);
    }
    return NULL;
}

void http_link_use(struct peer_link *link, struct http_call *call)
{
    struct http_peer *peer = link->peer;
    set_state(link, PEER_LINK_BUSY);
    TAILQ_REMOVE(&peer->idle, link, idle);
    peer->busy++;
    link->is_reused = true;
    link->conn.peeks = true;
    link->conn.peeks_not_at_once = call->on_line != NULL; /* its lines say what they answer */
    link->call = call;
    call->link = link;
    link->line_seen = 0;
    http_parse_reset(&link->parse);
    link->parse.skip_body = call->is_head;
    link->parse.streaming = call->on_line != NULL;
    await(link);
    http_conn_send(&link->conn);
}

/* False: the host has cancelled the call. */
static bool tell_head(struct peer_link *link)
{
    struct http_call *call = link->call;
    int status = (int)link->parse.llhttp.status_code;
    if (!link->parse.head_done || status / 100 == 1 || call->head_told)
        return true;
    call->head_told = true;
    if (call->on_head == NULL)
        return true;
    struct http_reply reply = {.status = status, .body = {"", 0}, .why = "", .call = call};
    call->on_head(call->arg, &reply);
    return link->conn.transport.fd >= 0;
}

/* Hands out the complete lines. False: the host has cancelled the call, or a line is too long and
 * the call has ended. */
static bool deliver_lines(struct peer_link *link)
{
    struct http_call *call = link->call;
    struct buffer *body = &link->parse.body;
    const size_t most = link->peer->config.limits.body_bytes_max; /* of one line */
    size_t from = 0;
    if (!link->parse.streaming || !link->parse.head_done)
        return true;
    for (;;) {
        size_t seen = from == 0 ? link->line_seen : from;
        const char *end =
            seen < body->len ? memchr(body->data + seen, '\n', body->len - seen) : NULL;
        if (end == NULL)
            break;
        size_t len = (size_t)(end - body->data) - from;
        if (len > most) {
            fail(link, TROTH_ERROR_TOO_LARGE, "a line is longer than its limit");
            return false;
        }
        call->on_line(call->arg, (struct troth_span){body->data + from, len});
        if (link->conn.transport.fd < 0)
            return false;
        from += len + 1;
    }
    buffer_consume(body, from);
    link->line_seen = body->len;
    if (body->len > most) {
        fail(link, TROTH_ERROR_TOO_LARGE, "a line is longer than its limit");
        return false;
    }
    return true;
}

static void complete(struct peer_link *link, size_t left)
{
    if (!deliver_lines(link))
        return;
    if (link->parse.streaming)
        http_buffer_reset(&link->parse.body); /* a torn line at the end is nobody's */
    bool is_sent = http_conn_has_sent(&link->conn);
    bool is_reusable = link->parse.keep_alive && is_sent && left == 0;
    http_link_finish(link, 0, is_reusable);
}

/* A connection that was kept and has gone. Not a byte of the request was written: it goes over a
 * new one, as if this one had not been there. Once a byte was, the other side may have all of it
 * and act on it: only what changes nothing is sent again (RFC 9110, sections 9.2.1 and 9.2.2).
 * False: it is lost. The connection that it moves to is new, and so never stale. */
static bool leaves_stale(struct peer_link *link)
{
    struct http_call *call = link->call;
    bool is_unwritten = link->conn.out_sent == 0;
    if (!link->is_reused || http_parse_began(&link->parse) || (!is_unwritten && !call->is_safe))
        return false;
    call->was_repeated = call->was_repeated || !is_unwritten;
    call->tried = 0;
    call->connect_by_us = mono_now().us + link->peer->config.connect_timeout_us;
    move_on(link);
    return true;
}

static void on_bytes(struct http_conn *conn, const char *data, size_t len)
{
    struct peer_link *link = (struct peer_link *)conn;
    if (link->state != PEER_LINK_BUSY) {
        http_link_close(link);
        return;
    }
    if (conn->out_sent == 0 && leaves_stale(link)) /* an answer to nothing */
        return;
    if (link->call->quiet_us != 0)
        await(link);
    while (len > 0) {
        size_t used = 0;
        switch (http_parse_feed(&link->parse, data, len, &used)) {
        case HTTP_PARSE_MORE:
            if (tell_head(link))
                (void)deliver_lines(link);
            return;
        case HTTP_PARSE_BAD: {
            int status = link->parse.status;
            bool is_large = status == 413 || status == 431;
            fail(link, is_large ? TROTH_ERROR_TOO_LARGE : TROTH_ERROR_PROTOCOL,
                 is_large ? "the answer is larger than its limit" : "the answer is not HTTP/1.1");
            return;
        }
        case HTTP_PARSE_DONE:
            data += used;
            len -= used;
            if (link->parse.llhttp.status_code == 101) {
                fail(link, TROTH_ERROR_PROTOCOL, "it changes to another protocol");
                return;
            }
            if (link->parse.llhttp.status_code / 100 != 1) {
                if (tell_head(link))
                    complete(link, len);
                return;
            }
            http_parse_reset(&link->parse); /* an interim answer; streaming was switched off */
            link->parse.streaming = link->call->on_line != NULL;
            break;
        }
    }
}

static void on_ended(struct http_conn *conn, int error)
{
    struct peer_link *link = (struct peer_link *)conn;
    if (link->state == PEER_LINK_IDLE) {
        http_link_close(link);
        return;
    }
    if (leaves_stale(link))
        return;
    if (error == 0 && http_parse_eof(&link->parse) == HTTP_PARSE_DONE) {
        if (tell_head(link))
            complete(link, 0);
        return;
    }
    if (conn->out_sent == 0) { /* nothing was sent */
        error = error != 0 ? error : ECONNRESET;
        note_failure(link->peer, &link->address, error,
                     http_transport_why(&conn->transport, error));
        give_up(link);
        return;
    }
    fail(link, TROTH_ERROR_LOST,
         error != 0 ? http_transport_why(&conn->transport, error)
                    : "the connection was closed before the answer was whole");
}

static void on_written(struct http_conn *conn)
{
    (void)conn; /* `out` is kept: the request may have to be sent again */
}

static void on_late(struct peer_link *link)
{
    switch (link->state) {
    case PEER_LINK_CONNECTING:
        note_failure(link->peer, &link->address, ETIMEDOUT,
                     link->conn.connecting ? "not connected in time"
                                           : "connected, but no TLS handshake in time");
        if (mono_now().us < connect_by_us(link->call))
            move_on(link);
        else
            give_up(link);
        break;
    case PEER_LINK_BUSY:
        fail(link, TROTH_ERROR_TIMEOUT, "no answer in time");
        break;
    case PEER_LINK_IDLE:
        http_link_close(link);
        break;
    case PEER_LINK_FINISHING:
    case PEER_LINK_STATE_COUNT:
        break;
    }
}

static void on_run(struct http_conn *conn, unsigned reasons)
{
    struct peer_link *link = (struct peer_link *)conn;
    if ((reasons & HTTP_RUN_RECALLED) != 0) {
        http_peer_say(link->peer, 0, "it was not sent before the lease was over");
        give_up(link);
        return;
    }
    /* A broken write says nothing yet: an answer may be there to read, or its absence. But where it
     * was the first one on a kept connection, nothing has left. */
    if ((reasons & HTTP_RUN_BROKEN) != 0 && link->state == PEER_LINK_BUSY && conn->out_sent == 0 &&
        !conn->out.failed && leaves_stale(link))
        return;
    if ((reasons & (HTTP_RUN_READ_LATE | HTTP_RUN_WRITE_LATE)) != 0)
        on_late(link);
}

static const struct http_conn_ops ops = {
    .bytes = on_bytes,
    .ended = on_ended,
    .connected = on_connected,
    .written = on_written,
    .run = on_run,
};
