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

struct http_server_config {
    const char *address;      /* numeric, IPv4 or IPv6 */
    uint16_t port;            /* 0: chosen free, see http_server_port() */
    uint32_t connections_max; /* beyond it: 503 and closed */
    struct http_limits limits;
    http_handler handler;
    http_problem problem;
    void *arg;
};

/* TROTH_ERROR_CONFIG: not an address; TROTH_ERROR_SYSTEM: can not listen (errno says why). */
TROTH_MUST_CHECK int http_server_create(struct http_loop *loop,
                                        const struct http_server_config *config,
                                        struct http_server **ret_server);
uint32_t http_server_connections(const struct http_server *server);
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
/* A percent-decoded query parameter appended to ret_value; false when absent or badly encoded. */
bool http_exchange_parameter(const struct http_exchange *exchange, const char *name,
                             struct buffer *ret_value);

/* What to call when the client leaves. */
void http_exchange_set(struct http_exchange *exchange, http_gone gone, void *gone_arg);

/* The whole reply. `headers` ends with a NULL name, may be NULL. Copies. `type` NULL: no body. */
void http_exchange_reply(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers, struct troth_span body);

/* Streamed: chunked encoding, each piece leaves with the next flush. A client that does not read is
 * cut off (`gone`) when 8 MiB wait for it, or after limits.write_timeout_us. */
void http_exchange_begin(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers);
void http_exchange_write(struct http_exchange *exchange, struct troth_span piece);
void http_exchange_end(struct http_exchange *exchange);

#endif
