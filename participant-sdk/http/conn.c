/* conn.c: reading, writing and closing one connection. */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <base/crash.h>
#include <base/now.h>

#include "transport.h"

static void wait_for_room(struct http_conn *conn);

/* The handshake's own words leave at once, whatever is held: they ask for nothing. */
static void push(struct http_conn *conn)
{
    int error = http_transport_push(&conn->transport);
    if (error == 0)
        conn->write_deadline_us = 0;
    else if (error != EAGAIN)
        http_conn_schedule(conn, HTTP_RUN_BROKEN);
    else if (conn->write_deadline_us == 0)
        wait_for_room(conn);
    else
        (void)event_add(conn->writable, NULL);
}

static void on_shaken(struct http_conn *conn, int error)
{
    conn->shaking = false;
    conn->ops->connected(conn, error);
}

static void read_once(struct http_conn *conn)
{
    char *data = conn->loop->read_data;
    ssize_t n = http_transport_receive(&conn->transport, data, HTTP_READ_BYTES);
    int error = errno;
    bool is_later = n < 0 && http_transport_is_for_later(error);
    if (conn->shaking && http_transport_owed(&conn->transport) > 0)
        push(conn);
    if (conn->shaking) {
        bool has_failed = n < 0 && !is_later;
        if (!has_failed && !http_transport_is_open(&conn->transport))
            return;
        on_shaken(conn, has_failed ? error : 0);
        if (has_failed || conn->transport.fd < 0)
            return;
    }
    conn->read_in = conn->loop->turn;
    if (n > 0)
        conn->ops->bytes(conn, data, (size_t)n);
    else if (n == 0)
        conn->ops->ended(conn, 0);
    else if (!is_later)
        conn->ops->ended(conn, error);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *conn = arg;
    (void)fd;
    (void)what;
    if (conn->transport.fd < 0 || !conn->reading)
        return;
    struct http_loop *loop = conn->loop;
    http_loop_enter(loop);
    do {
        read_once(conn);
    } while (conn->transport.fd >= 0 && conn->reading && http_transport_is_due(&conn->transport));
    http_loop_leave(loop);
}

static void on_connected(struct http_conn *conn)
{
    int error = http_transport_connected(&conn->transport);
    conn->connecting = false;
    if (error == 0 && conn->shaking) {
        error = http_transport_begin(&conn->transport);
        http_conn_read_start(conn);
        if (error == 0 && http_transport_owed(&conn->transport) > 0)
            push(conn);
        if (error == 0)
            return;
    }
    on_shaken(conn, error);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *conn = arg;
    (void)fd;
    (void)what;
    if (conn->transport.fd < 0)
        return;
    struct http_loop *loop = conn->loop;
    http_loop_enter(loop);
    if (conn->connecting)
        on_connected(conn);
    else if (conn->shaking)
        push(conn);
    else
        http_conn_flush(conn);
    http_loop_leave(loop);
}

int http_conn_init(struct http_conn *conn, struct http_loop *loop, const struct http_conn_ops *ops,
                   int fd, struct tls_session *tls, bool connecting)
{
    struct http_transport transport = {.fd = fd, .tls = tls};
    int on = 1;
    /* Without it a streamed reply waits for the other side's delayed acknowledgement (44 ms). */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->readable = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(loop->base, fd, EV_WRITE, on_writable, conn);
    if (conn->readable == NULL || conn->writable == NULL ||
        (connecting && event_add(conn->writable, NULL) != 0)) {
        if (conn->readable != NULL)
            event_free(conn->readable);
        if (conn->writable != NULL)
            event_free(conn->writable);
        http_transport_close(&transport);
        return TROTH_ERROR_NO_MEMORY;
    }
    conn->loop = loop;
    conn->ops = ops;
    conn->transport = transport;
    conn->connecting = connecting;
    conn->shaking = tls != NULL;
    TAILQ_INSERT_TAIL(&loop->all, conn, all);
    return 0;
}

void http_conn_close(struct http_conn *conn)
{
    struct http_loop *loop = conn->loop;
    assert(conn->transport.fd >= 0);
    event_free(conn->readable);
    event_free(conn->writable);
    http_transport_close(&conn->transport);
    TAILQ_REMOVE(&loop->all, conn, all);
    if (conn->dirty) {
        TAILQ_REMOVE(&loop->dirty, conn, dirty_link);
        conn->dirty = false;
    }
    if (conn->reasons != 0) {
        TAILQ_REMOVE(&loop->scheduled, conn, run_link);
        conn->reasons = 0;
    }
    buffer_finish(&conn->out);
    TAILQ_INSERT_TAIL(&loop->dead, conn, all);
    http_loop_wake(loop);
}

void http_conn_read_start(struct http_conn *conn)
{
    if (!conn->reading) {
        /* epoll_ctl without memory: the deadline of the state ends the connection. */
        conn->reading = event_add(conn->readable, NULL) == 0;
        if (conn->reading && http_transport_is_due(&conn->transport))
            event_active(conn->readable, EV_READ, 1);
    }
}

void http_conn_read_stop(struct http_conn *conn)
{
    if (conn->reading) {
        (void)event_del(conn->readable);
        conn->reading = false;
    }
}

void http_conn_send(struct http_conn *conn)
{
    if (!conn->dirty) {
        conn->dirty = true;
        TAILQ_INSERT_TAIL(&conn->loop->dirty, conn, dirty_link);
        if (conn->loop->autoflush)
            http_loop_wake(conn->loop);
    }
}

static void wait_for_room(struct http_conn *conn)
{
    conn->write_deadline_us = mono_now().us + conn->write_timeout_us;
    http_loop_sweep_by(conn->loop, conn->write_deadline_us);
    if (event_add(conn->writable, NULL) != 0)
        http_conn_schedule(conn, HTTP_RUN_BROKEN);
}

bool http_conn_is_held(const struct http_conn *conn)
{
    const struct http_loop *loop = conn->loop;
    return conn->recalled ||
           (conn->calls && loop->may_send != NULL && !loop->may_send(loop->may_send_arg));
}

bool http_conn_has_sent(const struct http_conn *conn)
{
    return conn->out_sent == conn->out.len && http_transport_owed(&conn->transport) == 0;
}

static bool must_peek(const struct http_conn *conn)
{
    bool has_looked = conn->peeks_not_at_once && conn->read_in == conn->loop->turn;
    return conn->peeks && conn->out_sent == 0 && !has_looked;
}

#ifdef TROTH_CRASH_POINTS
static const char *what_leaves(unsigned is_request)
{
    return is_request != 0 ? "request" : "answer";
}
#endif

void http_conn_flush(struct http_conn *conn)
{
    if (http_conn_is_held(conn)) {
        http_conn_send(conn); /* kept, for the next flush */
        return;
    }
    if (conn->dirty) {
        TAILQ_REMOVE(&conn->loop->dirty, conn, dirty_link);
        conn->dirty = false;
    }
    if (conn->out.failed) {
        http_conn_schedule(conn, HTTP_RUN_BROKEN);
        return;
    }
    if (conn->connecting || conn->shaking || http_conn_has_sent(conn))
        return;
    if (must_peek(conn) && !http_transport_is_quiet(&conn->transport)) {
        http_conn_schedule(conn, HTTP_RUN_BROKEN); /* nothing has left, and nothing will */
        return;
    }
    CRASH_POINTS("http.leave", what_leaves, 2, conn->calls);
    ssize_t n = http_transport_transmit(&conn->transport, conn->out.data + conn->out_sent,
                                        conn->out.len - conn->out_sent);
    CRASH_POINTS("http.left", what_leaves, 2, conn->calls);
    if (n < 0 && !http_transport_is_for_later(errno)) {
        http_conn_schedule(conn, HTTP_RUN_BROKEN);
        return;
    }
    conn->out_sent += n > 0 ? (size_t)n : 0;
    if (!http_conn_has_sent(conn)) {
        if (n > 0 || conn->write_deadline_us == 0)
            wait_for_room(conn);
        else
            (void)event_add(conn->writable, NULL); /* a spurious wake-up: the deadline stands */
        if (conn->ops->kept != NULL)
            conn->ops->kept(conn);
        return;
    }
    conn->write_deadline_us = 0;
    conn->ops->written(conn);
}

void http_conn_schedule(struct http_conn *conn, unsigned reasons)
{
    if (conn->reasons == 0) {
        TAILQ_INSERT_TAIL(&conn->loop->scheduled, conn, run_link);
        http_loop_wake(conn->loop);
    }
    conn->reasons |= reasons;
}

void http_conn_read_deadline(struct http_conn *conn, uint64_t deadline_us)
{
    conn->read_deadline_us = deadline_us;
    if (deadline_us != 0)
        http_loop_sweep_by(conn->loop, deadline_us);
}

void http_buffer_reset(struct buffer *buffer)
{
    if (buffer->cap > HTTP_KEEP_BYTES)
        buffer_finish(buffer);
    else
        buffer_clear(buffer);
}

bool http_limits_valid(const struct http_limits *limits)
{
    return limits->header_bytes_max > 0 && limits->headers_max > 0 && limits->body_bytes_max > 0 &&
           limits->target_bytes_max > 0 && limits->head_timeout_us > 0 &&
           limits->body_timeout_us > 0 && limits->idle_timeout_us > 0 &&
           limits->write_timeout_us > 0;
}
