/* conn.h: one TCP connection of either side: reading, the one write per turn, and its deadlines.
 *
 * Everything that may call the host's code runs from an event of the loop, never from inside
 * http_loop_flush() or a function that the host called: what happens there (a broken write, a
 * pipelined request that may go on) is noted by http_conn_schedule() and taken up by `run` in the
 * same turn or the next. What is destroyed from inside a callback is silent from then on, and its
 * memory lives until no function of this library is on the stack: a connection's in `dead`, a
 * peer's and a server's in `buried`, and the loop's own until its last event callback returns.
 *
 * The socket's bytes are transport.h's alone.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <base/buffer.h>
#include <http/loop.h>

#include "transport.h"

struct event;
struct http_conn;

/* Why `run` is called; bits. */
#define HTTP_RUN_RESUME     1u  /* go on with what was left unread */
#define HTTP_RUN_READ_LATE  2u  /* the read deadline has passed */
#define HTTP_RUN_WRITE_LATE 4u  /* the other side took nothing for too long */
#define HTTP_RUN_BROKEN     8u  /* a write failed */
#define HTTP_RUN_OVER       16u /* its side's budget is spent */
#define HTTP_RUN_RECALLED   32u /* what has not begun to leave must not any more */

/* What a side makes of its connection. */
struct http_conn_ops {
    void (*bytes)(struct http_conn *conn, const char *data, size_t len);
    void (*ended)(struct http_conn *conn, int error); /* 0: end of file; or an errno */
    /* 0 or an errno. Of a client; of a server behind TLS's handshake only. */
    void (*connected)(struct http_conn *conn, int error);
    void (*written)(struct http_conn *conn); /* all is; must not call the host */
    void (*kept)(struct http_conn *conn);    /* not all is; likewise; may be NULL */
    void (*run)(struct http_conn *conn, unsigned reasons);
};

struct http_conn {
    struct http_loop *loop;
    const struct http_conn_ops *ops;
    struct http_transport transport;
    bool connecting; /* the socket is */
    bool shaking;    /* hands, of TLS; until then nothing of `out` leaves */
    bool calls;      /* a client's: may be held (http_loop_hold) */
    bool recalled;   /* nothing leaves any more, its end is scheduled (http_loop_recall) */
    bool reading;
    bool dirty;             /* in the loop's list of those that have to write */
    bool peeks;             /* looks once more before the first byte that it writes … */
    bool peeks_not_at_once; /* … but in the turn in which it has read what there was */
    uint64_t read_in;       /* which turn that was */
    unsigned reasons;       /* scheduled when not 0 */
    struct event *readable; /* persistent while reading */
    struct event *writable; /* one-shot, only while a write or a connect is incomplete */
    struct buffer out;      /* cleared by its side, not here: a request may be sent again */
    size_t out_sent;
    uint64_t write_timeout_us;
    uint64_t read_deadline_us; /* 0: none */
    uint64_t write_deadline_us;
    TAILQ_ENTRY(http_conn) all;
    TAILQ_ENTRY(http_conn) dirty_link;
    TAILQ_ENTRY(http_conn) run_link;
};

TAILQ_HEAD(http_conns, http_conn);

/* First member of what http_loop_bury() takes. */
struct http_buried {
    struct http_buried *next;
};

struct http_loop {
    struct event_base *base;
    struct event *run_event;   /* serves `scheduled`, frees `dead`, flushes when autoflush */
    struct event *sweep_event; /* looks at deadlines, at sweep_at_us or later */
    uint64_t sweep_at_us;      /* 0: not armed */
    uint64_t turn;             /* counts flushes */
    bool autoflush;
    bool (*may_send)(void *arg); /* NULL: always */
    void *may_send_arg;
    struct resolver *resolver; /* NULL: not wanted yet */
    uint32_t users;            /* servers and peers */
    uint32_t depth;            /* of this loop's event callbacks on the stack */
    bool destroyed;            /* from inside of one, which frees it */
    struct http_conns all;
    struct http_conns dirty;
    struct http_conns scheduled;
    struct http_conns dead;
    struct http_buried *buried;
    char *read_data; /* one read buffer for all connections */
    int64_t date_s;
    char date[128]; /* "Date: …\r\n" of date_s */
};

#define HTTP_READ_BYTES      65536u /* of the shared read buffer */
#define HTTP_KEEP_BYTES      16384u /* a larger buffer is freed when its message is done */
#define HTTP_SWEEP_MIN_US    5000u  /* deadlines are looked at no more often */
#define HTTP_DATE_HEADER_LEN 37u

/* "Date: Fri, 21 Nov 2026 05:34:49 GMT\r\n", HTTP_DATE_HEADER_LEN bytes. */
const char *http_loop_date(struct http_loop *loop);
/* Around everything that an event of libevent's calls. */
void http_loop_enter(struct http_loop *loop);
void http_loop_leave(struct http_loop *loop);
/* Freed when nothing of this library is on the stack any more. */
void http_loop_bury(struct http_loop *loop, struct http_buried *memory);
/* Makes run_event fire in this turn, or at once in the next. */
void http_loop_wake(struct http_loop *loop);
void http_loop_sweep_by(struct http_loop *loop, uint64_t deadline_us);

/* Takes `fd` (non-blocking) and `tls` (NULL: plain), also on failure. `conn` is zeroed memory at
 * the start of an allocation of its own, which the loop frees after http_conn_close().
 * TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int http_conn_init(struct http_conn *conn, struct http_loop *loop,
                                    const struct http_conn_ops *ops, int fd,
                                    struct tls_session *tls, bool connecting);
/* The socket is closed now; nothing is called any more. The side has freed what it hangs on it. */
void http_conn_close(struct http_conn *conn);

void http_conn_read_start(struct http_conn *conn);
void http_conn_read_stop(struct http_conn *conn);
/* There is something in `out`: it leaves with the next flush. */
void http_conn_send(struct http_conn *conn);
bool http_conn_is_held(const struct http_conn *conn);
/* Nothing of what it had to send stands here any more. */
bool http_conn_has_sent(const struct http_conn *conn);
/* Writes now what can be written, and may. */
void http_conn_flush(struct http_conn *conn);
void http_conn_schedule(struct http_conn *conn, unsigned reasons);
void http_conn_read_deadline(struct http_conn *conn, uint64_t deadline_us);

/* Empties a buffer, and gives its memory back when it had grown beyond HTTP_KEEP_BYTES. */
void http_buffer_reset(struct buffer *buffer);

/* Every limit has a floor: none of them means "without end". */
bool http_limits_valid(const struct http_limits *limits);

#endif
