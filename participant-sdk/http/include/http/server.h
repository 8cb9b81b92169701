/* http/server.h: the HTTP/1.1 server.
 *
 * One exchange is one request and its reply. The handler gets the exchange when the whole request
 * is there; it answers now or later (from the loop's thread). Pipelined requests are handled one
 * after the other. What is malformed, too large or too slow is answered by the server itself with
 * the error body of `http_server_config.problem` and the connection is closed. HEAD is answered
 * without a body. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <http/loop.h>
#include <troth/error.h>
#include <troth/span.h>

struct http_server;
struct http_tls;
struct http_exchange;

/* The exchange is valid until its reply is complete (http_exchange_reply or http_exchange_end) or
 * its `gone` callback has returned. */
typedef void (*http_handler)(void *arg, struct http_exchange *exchange);
/* The client left before the reply was complete (a client that shuts down its sending side while
 * its reply is held counts as gone). The exchange is invalid after this returns. */
typedef void (*http_gone)(void *arg, struct http_exchange *exchange);
/* Makes the body of a refusal of the server's own (400, 408, 413, 414, 431, 501, 503, 505): appends
 * to `body`, returns the content type (static). NULL callback: plain text. */
struct buffer;
typedef const char *(*http_problem)(int status, const char *what, struct buffer *body);

/* A handshake came to nothing: whose, and why, for people. Nothing of the server is called inside.
 */
typedef void (*http_unshaken)(void *arg, const char *client, const char *why);

/* Bytes of memory over all connections; 0: no limit. */
struct http_budget {
    /* Replies that clients have not taken. Beyond it the connection with the most of it, of those
     * that take no more now, is closed; and so on. */
    uint64_t replies_max;
    /* Streams, likewise: the one with the most is cut off. And each for itself, when its socket
     * takes no more; whatever stands here, at 8 MiB. */
    uint64_t streams_max;
    uint64_t stream_max;
    /* Bodies of requests that are being received (beyond 16 KiB of each), and what came behind a
     * request before its reply: the request that goes over it gets 503. */
    uint64_t bodies_max;
};

struct http_server_config {
    const char *address;      /* numeric, IPv4 or IPv6; or the path of a unix-domain socket, which
                                 begins with a slash and is made with mode 0660 */
    uint16_t port;            /* 0: chosen free, see http_server_port() */
    uint32_t connections_max; /* beyond it: 503 and closed */
    struct http_limits limits;
    struct http_budget budget;
    bool body_ends; /* with the handler: http_exchange_body() is empty behind it */
    http_handler handler;
    http_problem problem;
    void *arg;
    struct http_tls *tls; /* of a server; NULL: plain. It outlives the server */
    /* Handshakes under way, and how long each may take. Beyond the number the oldest goes, of those
     * from the network (as http_exchange_client() says it) that has most of them: who is slow, or
     * opens thousands, is in the way of its own network's slowest alone. */
    uint32_t handshakes_max;
    uint64_t handshake_timeout_us;
    http_unshaken unshaken; /* may be NULL */
};

/* TROTH_ERROR_CONFIG: not an address; TROTH_ERROR_SYSTEM: cannot listen (errno says why). */
TROTH_MUST_CHECK int http_server_create(struct http_loop *loop,
                                        const struct http_server_config *config,
                                        struct http_server **ret_server);
uint32_t http_server_connections(const struct http_server *server);

struct http_server_stats {
    uint32_t connections;
    uint64_t replies_bytes, streams_bytes, bodies_bytes; /* now, as the budget counts them */
    uint64_t cut_replies, cut_streams, refused_bodies;   /* so often the budget said no */
    uint32_t handshakes;                                 /* under way */
    uint64_t handshakes_failed, handshakes_cut;          /* cut: for handshakes_max */
    int64_t certificate_ends_s;                          /* since 1970; 0: it has none */
};
void http_server_stats(const struct http_server *server, struct http_server_stats *ret_stats);
/* Closes everything; `gone` is called for exchanges not yet answered, from inside this. Takes NULL.
 * From anywhere, also from handler, problem and gone: an exchange that they have is invalid then.
 */
void http_server_destroy(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

/* The request; spans live as long as the exchange. */
struct troth_span http_exchange_method(const struct http_exchange *exchange);
struct troth_span http_exchange_path(
    const struct http_exchange *exchange); /* without query, not decoded */
struct troth_span http_exchange_query(const struct http_exchange *exchange); /* without '?' */
/* Case-insensitive; false when absent. A header that came twice: the values joined by ", ". */
bool http_exchange_header(const struct http_exchange *exchange, const char *name,
                          struct troth_span *ret_value);
struct troth_span http_exchange_body(const struct http_exchange *exchange);
/* Where the client is: its IPv4 address, or the /64 network of its IPv6 address, which one host has
 * as a whole; "?" when it has left. A proxy before the server is the client then. */
#define HTTP_CLIENT_TEXT_MAX 56
void http_exchange_client(const struct http_exchange *exchange,
                          char ret_text[HTTP_CLIENT_TEXT_MAX]);
/* Whose process is at the other end of a unix-domain socket; false: of another one. */
bool http_exchange_uid(const struct http_exchange *exchange, uint32_t *ret_uid);
/* The names in the client's certificate, which who may sign it has signed: "DNS:a.b",
 * "URI:spiffe://a/b", "email:a@b", a line each; "CN:a" where it has none of these. "": it has shown
 * none. Valid as long as the exchange. */
const char *http_exchange_names(const struct http_exchange *exchange);
/* A percent-decoded query parameter appended to ret_value; false when absent or badly encoded. */
bool http_exchange_parameter(const struct http_exchange *exchange, const char *name,
                             struct buffer *ret_value);

/* What to call when the client leaves. */
void http_exchange_set(struct http_exchange *exchange, http_gone gone, void *gone_arg);

/* A header more in whatever the reply will be. The name is static. */
#define HTTP_SIGN_MAX 64u /* characters of its value */
void http_exchange_sign(struct http_exchange *exchange, const char *name, const char *value);

/* The whole reply. `headers` ends with a NULL name, may be NULL. Copies. `type` NULL: no body. */
void http_exchange_reply(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers, struct troth_span body);

/* The replies that clients have not taken are less than `percent` of their budget: a host asks
 * before it makes a large answer to what changes nothing, and refuses instead. */
bool http_exchange_has_room(const struct http_exchange *exchange, uint32_t percent);

/* The reply takes so much while it is being made: counted as if it stood there already, until it
 * does. */
void http_exchange_promise(struct http_exchange *exchange, size_t bytes);

/* Streamed: chunked encoding, each piece leaves with the next flush. A client that does not read is
 * cut off when its budget (http_budget) is spent: what has not begun to leave is dropped, and
 * `slow` is called, which writes a last piece and ends the stream; without it, or where that is not
 * taken either, and after limits.write_timeout_us, it is `gone`. */
void http_exchange_slow(struct http_exchange *exchange, http_gone slow);
void http_exchange_begin(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers);
void http_exchange_write(struct http_exchange *exchange, struct troth_span piece);
void http_exchange_end(struct http_exchange *exchange);

#endif
