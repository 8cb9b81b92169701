/* serve_conn.h: the server's own view of a connection and its exchange. */
#ifndef HTTP_SERVE_CONN_H
#define HTTP_SERVE_CONN_H

#include <http/server.h>

#include "conn.h"
#include "parse.h"

/*     SHAKING (TLS's handshake) ─> IDLE, or closed
 *
 *             first byte        head there        complete        begin
 *     IDLE ─────────────> HEAD ───────────> BODY ─────────> HANDLING ───> STREAMING
 *      ^                                                       │  reply       │ end
 *      └───────────────────── keep-alive ──────────────────────┴──────────────┤
 *                                                                             v
 *     any, refused or "close" ─> CLOSING (reply being written) ─> LINGERING ─> closed
 *
 * A request that comes whole goes from IDLE to HANDLING directly. */
enum serve_state {
    SERVE_SHAKING,   /* handshake_timeout, from the first byte or without */
    SERVE_IDLE,      /* between requests; idle_timeout */
    SERVE_HEAD,      /* head_timeout, from the first byte */
    SERVE_BODY,      /* body_timeout, from the end of the head */
    SERVE_HANDLING,  /* the handler has the exchange; what comes is kept in `ahead` */
    SERVE_STREAMING, /* the reply has begun */
    SERVE_CLOSING,   /* the last reply is being written; input is dropped */
    SERVE_LINGERING, /* written and shut down: wait for the client to close, or for the deadline.
                        Closing at once could reset the connection and lose the reply */
    SERVE_STATE_COUNT
};

#define SERVE_LINGER_US        1000000u
#define SERVE_AHEAD_BYTES_MAX  65536u  /* pipelined behind an open exchange; then reading stops */
#define SERVE_LOOK_US          500000u /* and the client's presence is looked at so often */
#define SERVE_OUT_BYTES_MAX    (256u << 10) /* unsent replies beyond it: no next request is begun */
#define SERVE_STREAM_BYTES_MAX (8u << 20)   /* unsent stream beyond it: the client is cut off */
#define SERVE_BODY_FREE        16384u /* bytes of a body that are taken whatever the others have */
#define SERVE_RELEASE_BYTES    65536u /* sent ones of a buffer that is not all sent: given back */
#define SERVE_ACCEPTS_MAX      64u    /* connections accepted in one turn */
#define SERVE_ACCEPT_PAUSE_US  50000u /* after EMFILE and its like */
#define SERVE_PATH_MAX         107u
#define SERVE_NETWORKS         1024u
#define SERVE_OVER_MAX                                                                             \
    64u /* connections beyond the limit that are told so (503); more are                           \
           closed without a word */

/* Values of a header that came more than once, joined; freed with the exchange. */
struct serve_joined {
    struct serve_joined *next;
    size_t len;
    char text[];
};

struct serve_conn;

struct http_exchange {
    struct serve_conn *conn;
    http_gone gone;
    http_gone slow; /* may be NULL */
    void *gone_arg;
    struct serve_joined *joined;
    const char *sign_name; /* a header that goes with the reply; NULL: none */
    char sign[HTTP_SIGN_MAX + 1];
    uint32_t path; /* offsets in the parse's head */
    uint32_t path_len;
    uint32_t query;
    uint32_t query_len;
    bool is_head;
    bool chunked; /* the streamed reply is */
};

struct serve_conn {
    struct http_conn conn; /* first: the loop frees it */
    struct http_server *server;
    enum serve_state state;
    bool in_handler;     /* the handler is on the stack */
    bool losing;         /* `gone` is */
    bool close_after;    /* no further request on this connection */
    bool continue_asked; /* 100-continue was answered */
    bool client_done;    /* end of file was seen */
    bool is_over;        /* beyond connections_max: told so when it can be */
    struct http_parse parse;
    struct buffer ahead;
    struct http_exchange exchange;
    bool streams; /* counted among the streams */
    bool over;    /* chosen to go, for the budget */
    size_t out_counted, body_counted;
    char client[HTTP_CLIENT_TEXT_MAX]; /* where it is, once somebody asked; "": nobody did */
    size_t promised;                   /* bytes of a reply that is being made */
    size_t boundary; /* of a chunked stream: where a chunk begins in `out`, at what is sent or
                        before */
    TAILQ_ENTRY(serve_conn) link;
    uint32_t network; /* where it comes from: its bucket among the handshakes under way */
    TAILQ_ENTRY(serve_conn) shake_link;
};

TAILQ_HEAD(serve_conns, serve_conn);

struct http_server {
    struct http_buried buried; /* first: the loop frees it */
    struct http_loop *loop;
    struct http_server_config config;
    int fd; /* -1: drained */
    uint16_t port;
    bool is_unix;
    char path[SERVE_PATH_MAX + 1]; /* of a unix-domain socket, removed at the end; "" */
    struct event *acceptable;
    struct event *pause; /* until accepting is tried again */
    bool destroying;
    uint32_t count;
    struct serve_conns conns;
    struct serve_conns shaking; /* the oldest first */
    uint32_t shaking_count;
    uint32_t *networks; /* SERVE_NETWORKS buckets: how many of them come from where; NULL: no TLS */
    uint64_t shakes_failed, shakes_cut;
    uint64_t replies_bytes, streams_bytes, bodies_bytes;
    uint64_t cut_replies, cut_streams, refused_bodies;
};

#endif
