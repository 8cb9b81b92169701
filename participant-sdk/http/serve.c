/* serve.c: a server connection, from its first byte to its last. */
#include "serve.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <base/now.h>

#include "budget.h"
#include "exchange.h"
#include "reply.h"
#include "shake.h"
#include "transport.h"

#define EDGE(state) (1u << (state))

static const struct {
    const char *name;
    unsigned next; /* allowed next states */
} states[SERVE_STATE_COUNT] = {
    [SERVE_SHAKING] = {"shaking", EDGE(SERVE_IDLE) | EDGE(SERVE_CLOSING)},
    [SERVE_IDLE] = {"idle", EDGE(SERVE_HEAD) | EDGE(SERVE_BODY) | EDGE(SERVE_HANDLING) |
                                EDGE(SERVE_CLOSING)},
    [SERVE_HEAD] = {"head", EDGE(SERVE_BODY) | EDGE(SERVE_HANDLING) | EDGE(SERVE_CLOSING)},
    [SERVE_BODY] = {"body", EDGE(SERVE_HANDLING) | EDGE(SERVE_CLOSING)},
    [SERVE_HANDLING] = {"handling", EDGE(SERVE_STREAMING) | EDGE(SERVE_IDLE) | EDGE(SERVE_CLOSING)},
    [SERVE_STREAMING] = {"streaming", EDGE(SERVE_IDLE) | EDGE(SERVE_CLOSING)},
    [SERVE_CLOSING] = {"closing", EDGE(SERVE_LINGERING)},
    [SERVE_LINGERING] = {"lingering", 0},
};

static uint64_t deadline_of(const struct serve_conn *serve, enum serve_state state)
{
    const struct http_limits *limits = &serve->server->config.limits;
    switch (state) {
    case SERVE_SHAKING:
        return mono_now().us + serve->server->config.handshake_timeout_us;
    case SERVE_IDLE:
        return mono_now().us + limits->idle_timeout_us;
    case SERVE_HEAD:
        return mono_now().us + limits->head_timeout_us;
    case SERVE_BODY:
        return mono_now().us + limits->body_timeout_us;
    case SERVE_LINGERING:
        return mono_now().us + SERVE_LINGER_US;
    case SERVE_HANDLING:
    case SERVE_STREAMING:
    case SERVE_CLOSING: /* the write deadline watches over it */
    case SERVE_STATE_COUNT:
        break;
    }
    return 0;
}

void http_serve_set_state(struct serve_conn *serve, enum serve_state state)
{
    assert((states[serve->state].next & EDGE(state)) != 0);
    serve->state = state;
    http_conn_read_deadline(&serve->conn, deadline_of(serve, state));
}

static bool has_exchange(const struct serve_conn *serve)
{
    return serve->state == SERVE_HANDLING || serve->state == SERVE_STREAMING;
}

static bool is_open(const struct serve_conn *serve)
{
    return serve->conn.transport.fd >= 0;
}

void http_serve_close(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    http_serve_exchange_finish(&serve->exchange);
    http_parse_finish(&serve->parse);
    buffer_finish(&serve->ahead);
    http_budget_leave(serve);
    if (serve->state == SERVE_SHAKING)
        http_shake_leave(serve);
    TAILQ_REMOVE(&server->conns, serve, link);
    server->count--;
    http_conn_close(&serve->conn);
}

void http_serve_lose(struct serve_conn *serve)
{
    struct http_exchange *exchange = &serve->exchange;
    if (has_exchange(serve) && exchange->gone != NULL && !serve->losing) {
        serve->losing = true;
        exchange->gone(exchange->gone_arg, exchange);
        if (!is_open(serve)) /* the host has destroyed the server */
            return;
    }
    http_serve_close(serve);
}

void http_serve_refuse(struct serve_conn *serve, int status, const char *what)
{
    BUFFER_SCOPED struct buffer body = {0};
    const char *type = "text/plain";
    if (serve->server->config.problem != NULL) {
        type = serve->server->config.problem(status, what, &body);
        if (!is_open(serve)) /* the host has destroyed the server */
            return;
    } else {
        buffer_append_text(&body, what);
        buffer_append_char(&body, '\n');
    }
    static const struct http_header later[] = {{"Retry-After", "1"}, {NULL, NULL}};
    serve->close_after = true;
    http_serve_append_head(serve, &(struct serve_head){.status = status,
                                                       .type = type,
                                                       .headers = status == 503 ? later : NULL,
                                                       .has_length = true,
                                                       .length = body.len});
    if (serve->parse.llhttp.method != HTTP_HEAD)
        buffer_append_span(&serve->conn.out, buffer_span(&body));
    http_serve_set_state(serve, SERVE_CLOSING);
    http_conn_send(&serve->conn);
}

static void answer_expectation(struct serve_conn *serve)
{
    struct troth_span value;
    if (!serve->continue_asked && serve->parse.has_body && serve->parse.llhttp.http_minor > 0 &&
        http_parse_header(&serve->parse, "expect", &value) > 0 &&
        http_span_is(value, "100-continue")) {
        serve->continue_asked = true;
        buffer_append_text(&serve->conn.out, "HTTP/1.1 100 Continue\r\n\r\n");
        http_conn_send(&serve->conn);
    }
}

static void dispatch(struct serve_conn *serve)
{
    const struct http_server_config *config = &serve->server->config;
    http_serve_set_state(serve, SERVE_HANDLING);
    http_serve_exchange_init(serve);
    serve->in_handler = true;
    config->handler(config->arg, &serve->exchange);
    serve->in_handler = false;
    if (is_open(serve) && has_exchange(serve) && config->body_ends)
        buffer_finish(&serve->parse.body);
    if (is_open(serve))
        http_budget_count(serve);
}

static void keep_ahead(struct serve_conn *serve, const char *data, size_t len)
{
    buffer_append(&serve->ahead, data, len);
    http_budget_count(serve);
    if (serve->ahead.len > SERVE_AHEAD_BYTES_MAX || !http_budget_body_fits(serve)) {
        /* Nothing is read any more, so its leaving has to be looked for. */
        http_conn_read_stop(&serve->conn);
        http_conn_read_deadline(&serve->conn, mono_now().us + SERVE_LOOK_US);
    }
}

static bool is_full(const struct serve_conn *serve)
{
    return serve->conn.out.len - serve->conn.out_sent > SERVE_OUT_BYTES_MAX;
}

static void go_on_reading(struct serve_conn *serve)
{
    http_budget_count(serve);
    if (!http_budget_body_fits(serve)) {
        serve->server->refused_bodies++;
        buffer_finish(&serve->parse.body);
        http_budget_count(serve);
        http_serve_refuse(
            serve, 503,
            "too much of other requests' bodies is being received (bodies_bytes_max); "
            "nothing was done, try again");
        return;
    }
    if (serve->parse.head_done) {
        if (serve->state != SERVE_BODY)
            http_serve_set_state(serve, SERVE_BODY);
        answer_expectation(serve);
    } else if (serve->state == SERVE_IDLE && http_parse_began(&serve->parse)) {
        http_serve_set_state(serve, SERVE_HEAD);
    }
}

static void refuse_bad(struct serve_conn *serve, char first)
{
    bool is_tls = first == 0x16 && serve->state == SERVE_IDLE; /* a record of a handshake */
    http_serve_refuse(serve, serve->parse.status,
                      is_tls ? "this port speaks plain http, not TLS (https)" : serve->parse.what);
}

/* Takes the requests in `data`, one after the other, until one is held. */
static void take(struct serve_conn *serve, const char *data, size_t len)
{
    while (len > 0 && is_open(serve)) {
        if (has_exchange(serve) || (serve->state == SERVE_IDLE && is_full(serve))) {
            keep_ahead(serve, data, len);
            return;
        }
        if (serve->state >= SERVE_CLOSING)
            return;
        size_t used = 0;
        switch (http_parse_feed(&serve->parse, data, len, &used)) {
        case HTTP_PARSE_MORE:
            go_on_reading(serve);
            return;
        case HTTP_PARSE_DONE:
            data += used;
            len -= used;
            dispatch(serve);
            break;
        case HTTP_PARSE_BAD:
            refuse_bad(serve, data[0]);
            return;
        }
    }
}

static void resume(struct serve_conn *serve)
{
    BUFFER_SCOPED struct buffer ahead = serve->ahead;
    serve->ahead = (struct buffer){0};
    http_budget_count(serve);
    http_conn_read_start(&serve->conn);
    if (ahead.failed) {
        http_serve_refuse(serve, 503, "out of memory");
        return;
    }
    take(serve, ahead.data, ahead.len);
}

void http_serve_replied(struct serve_conn *serve)
{
    http_conn_send(&serve->conn);
    serve->promised = 0;
    http_budget_count(serve);
    http_serve_exchange_finish(&serve->exchange);
    if (serve->close_after) {
        http_serve_set_state(serve, SERVE_CLOSING);
        return;
    }
    http_parse_reset(&serve->parse);
    http_budget_streams(serve, false);
    serve->continue_asked = false;
    http_serve_set_state(serve, SERVE_IDLE);
    if (!serve->in_handler && (serve->ahead.len > 0 || serve->ahead.failed))
        http_conn_schedule(&serve->conn, HTTP_RUN_RESUME);
}

static void on_bytes(struct http_conn *conn, const char *data, size_t len)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    if (serve->ahead.len > 0)
        keep_ahead(serve, data, len); /* in order: a resume is scheduled, or comes with the reply */
    else
        take(serve, data, len);
}

static void on_ended(struct http_conn *conn, int error)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    bool is_unsent = !http_conn_has_sent(conn);
    bool may_wait =
        error == 0 && is_unsent && !has_exchange(serve) && serve->state != SERVE_LINGERING;
    if (!may_wait) {
        http_serve_lose(serve);
        return;
    }
    /* It said all it had to say and still reads. */
    serve->client_done = true;
    http_conn_read_stop(conn);
    if (serve->state != SERVE_CLOSING)
        http_serve_set_state(serve, SERVE_CLOSING);
}

static void on_written(struct http_conn *conn)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    http_buffer_reset(&conn->out);
    conn->out_sent = 0;
    serve->boundary = 0;
    http_budget_count(serve);
    if (serve->state == SERVE_CLOSING) {
        http_transport_end(&conn->transport);
        http_serve_set_state(serve, SERVE_LINGERING);
        if (serve->client_done)
            http_conn_schedule(conn, HTTP_RUN_READ_LATE);
        else
            http_conn_read_start(conn);
    } else if (serve->state == SERVE_IDLE && serve->ahead.len > 0) {
        http_conn_schedule(conn, HTTP_RUN_RESUME);
    }
}

static void on_kept(struct http_conn *conn)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    http_budget_release(serve);
    http_budget_kept(serve);
}

/* It does not read, and too much waits for it or for all. A stream gets a last word. */
static void cut_off(struct serve_conn *serve)
{
    struct http_exchange *exchange = &serve->exchange;
    if (serve->state != SERVE_STREAMING || exchange->slow == NULL ||
        !http_budget_drop_unsent(serve)) {
        http_serve_lose(serve);
        return;
    }
    serve->close_after = true;
    serve->over = false; /* what is left of it may have to go, too */
    exchange->slow(exchange->gone_arg, exchange);
    if (!is_open(serve)) /* the host has destroyed the server */
        return;
    assert(serve->state != SERVE_STREAMING);
    http_budget_count(serve);
}

static void read_late(struct serve_conn *serve)
{
    switch (serve->state) {
    case SERVE_SHAKING:
        http_shake_failed(serve, "no handshake in time");
        http_serve_close(serve);
        break;
    case SERVE_HEAD:
        http_serve_refuse(serve, 408, "the headers did not come in time");
        break;
    case SERVE_BODY:
        http_serve_refuse(serve, 408, "the body did not come in time");
        break;
    case SERVE_HANDLING:
    case SERVE_STREAMING:
        if (http_transport_has_left(&serve->conn.transport))
            http_serve_lose(serve);
        else
            http_conn_read_deadline(&serve->conn, mono_now().us + SERVE_LOOK_US);
        break;
    case SERVE_IDLE:
        if (serve->ahead.len > 0)
            break; /* not idle: it does not take its replies, and the write deadline runs */
        http_serve_close(serve);
        break;
    case SERVE_CLOSING:
    case SERVE_LINGERING:
        http_serve_close(serve);
        break;
    case SERVE_STATE_COUNT:
        break;
    }
}

static void on_run(struct http_conn *conn, unsigned reasons)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    if ((reasons & (HTTP_RUN_BROKEN | HTTP_RUN_WRITE_LATE)) != 0)
        http_serve_lose(serve);
    else if ((reasons & HTTP_RUN_OVER) != 0)
        cut_off(serve);
    else if ((reasons & HTTP_RUN_READ_LATE) != 0)
        read_late(serve);
    else if (serve->state == SERVE_IDLE && !is_full(serve))
        resume(serve);
}

/* Behind the handshake. Who speaks plain HTTP is told so, in plain HTTP. */
static void on_connected(struct http_conn *conn, int error)
{
    struct serve_conn *serve = (struct serve_conn *)conn;
    if (error != 0)
        http_shake_failed(serve, http_transport_why(&conn->transport, error));
    if (error != 0 && error != EPROTONOSUPPORT) {
        http_serve_close(serve);
        return;
    }
    http_shake_leave(serve);
    if (error != 0) {
        http_transport_make_plain(&conn->transport);
        http_serve_refuse(serve, 400, "this port speaks TLS: use https");
        return;
    }
    http_serve_set_state(serve, SERVE_IDLE);
    if (serve->is_over)
        http_serve_refuse(serve, 503, "too many connections");
}

/* Whoever comes gets his chance: of those that are there already one goes for it. */
static void begin_shaking(struct serve_conn *serve)
{
    struct serve_conn *most = http_shake_most(serve->server);
    if (most != NULL) {
        serve->server->shakes_cut++;
        http_shake_failed(most, "too many handshakes were under way, and it was the oldest of the "
                                "network with most of them");
        http_serve_close(most);
    }
    http_shake_enter(serve);
}

static const struct http_conn_ops ops = {
    .bytes = on_bytes,
    .ended = on_ended,
    .connected = on_connected,
    .written = on_written,
    .kept = on_kept,
    .run = on_run,
};

static struct serve_conn *make(struct http_server *server, int fd)
{
    struct tls_session *tls = NULL;
    struct serve_conn *serve = calloc(1, sizeof(*serve));
    if (serve == NULL ||
        http_parse_init(&serve->parse, HTTP_REQUEST, &server->config.limits) != 0) {
        free(serve);
        (void)close(fd);
        return NULL;
    }
    if (server->config.tls != NULL && tls_session_create(server->config.tls, NULL, &tls) != 0)
        (void)close(fd);
    else if (http_conn_init(&serve->conn, server->loop, &ops, fd, tls, false) == 0)
        return serve;
    http_parse_finish(&serve->parse);
    free(serve);
    return NULL;
}

void http_serve_begin(struct http_server *server, int fd, bool is_over)
{
    struct serve_conn *serve = make(server, fd);
    if (serve == NULL)
        return;
    serve->server = server;
    serve->exchange.conn = serve;
    serve->is_over = is_over;
    serve->state = serve->conn.shaking ? SERVE_SHAKING : SERVE_IDLE;
    serve->conn.write_timeout_us = server->config.limits.write_timeout_us;
    TAILQ_INSERT_TAIL(&server->conns, serve, link);
    server->count++;
    if (serve->conn.shaking)
        begin_shaking(serve);
    http_conn_read_start(&serve->conn);
    http_conn_read_deadline(&serve->conn, deadline_of(serve, serve->state));
    if (is_over && !serve->conn.shaking)
        http_serve_refuse(serve, 503, "too many connections");
}
