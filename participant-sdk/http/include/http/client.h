/* http/client.h: the HTTP/1.1 client: a peer is one origin with its pool of keep-alive connections.
 *
 * One request at a time on a connection (no pipelining). A request goes to an idle connection or
 * opens one; when `connections_max` are busy it is refused at once (TROTH_ERROR_FULL) and the
 * caller queues. An idle connection may be stale. A request of which not a byte was written there
 * goes over a new one. Once a byte was written it may have arrived, and nothing here sends it
 * again: TROTH_ERROR_LOST, and whoever asked counts it as a try that may have run. Only GET and
 * HEAD, which change nothing, are sent once more when the old connection closed before a byte of
 * the answer. So that it is rare, an idle connection is closed from here before the other side
 * would (Keep-Alive: timeout), and looked at once more just before the first write. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <http/loop.h>
#include <troth/error.h>
#include <troth/span.h>

struct http_peer;
struct http_tls;
struct http_call; /* one request under way */

struct http_reply {
    int status; /* 0 when error != 0 and no status line came */
    /* Headers and body, valid during the callback; body empty when on_piece took it. */
    struct troth_span body;
    const char *why; /* error != 0: in words, "10.0.0.7:80: Connection refused" */
    const struct http_call *call;
};

/* A streamed answer: called for each complete line without its line feed (2xx only; other answers
 * are gathered). Then limits.body_bytes_max holds for each line, not for the whole. What follows
 * the last line feed is dropped. The line dies with http_call_cancel(). */
typedef void (*http_line)(void *arg, struct troth_span line);
/* The status and the headers are there, and the body has not been handed out: once a call, before
 * its lines and its end. The reply has no body yet. The call may be cancelled from here. */
typedef void (*http_head)(void *arg, const struct http_reply *reply);
/* Exactly once a call. error: 0; TROTH_ERROR_UNAVAILABLE (refused, no route, not connected in time:
 * nothing was sent); TROTH_ERROR_TIMEOUT; TROTH_ERROR_LOST; TROTH_ERROR_PROTOCOL;
 * TROTH_ERROR_TOO_LARGE; TROTH_ERROR_SHUTTING_DOWN. The peer may be destroyed from here. */
typedef void (*http_done)(void *arg, int error, const struct http_reply *reply);
/* A connection became free, or one may be opened again. */
typedef void (*http_ready)(void *arg);

struct sockaddr;
/* Asked before each connect, with the URL's host and the address that it leads to now (NULL: that
 * is not known yet). NULL: it may be called; else why not, static words. Calls nothing of the peer.
 */
typedef const char *(*http_refuses)(void *arg, const char *host, const struct sockaddr *address,
                                    bool is_tls);

struct http_peer_config {
    const char *url;          /* http[s]://host[:port][/base]; base is put before every target */
    uint32_t connections_max; /* 1 … */
    uint64_t connect_timeout_us;
    struct http_limits limits;
    http_ready ready; /* may be NULL */
    void *arg;
    struct http_tls *tls; /* of a client; for https, else it may be NULL */
    http_refuses refuses; /* NULL: all may be called */
    void *refuses_arg;
};

/* A host that is a name is asked for, without blocking, when a call needs it, again when its TTL
 * has passed, and again, with pauses that grow to ten seconds, while it has no address. All its
 * addresses are tried, within the connect timeout, which a call that waits for the name waits at
 * most. A connection to an address that the name has no more is not used for another call. With
 * https the handshake is a part of connecting, and the certificate must be for the URL's host. An
 * address that is refused is as one that cannot be connected to. Redirects are answers like any
 * other: none is followed.
 * TROTH_ERROR_CONFIG: not a URL we can call, or https without `tls`. `ready` is not called from
 * inside http_peer_call() or http_call_cancel(). */
TROTH_MUST_CHECK int http_peer_create(struct http_loop *loop, const struct http_peer_config *config,
                                      struct http_peer **ret_peer);
/* Calls under way end with TROTH_ERROR_SHUTTING_DOWN, from inside this. Takes NULL. From anywhere,
 * also from on_line, on_done (of those very calls, too) and ready. */
void http_peer_destroy(struct http_peer *peer);
/* What `refuses` says of the URL, as far as that is known without asking for an address. */
const char *http_peer_refusal(const struct http_peer *peer);
uint32_t http_peer_free(const struct http_peer *peer); /* calls that may be made now */

struct http_request {
    const char *method;
    const char *target;                /* path and query, put behind the URL's base */
    const struct http_header *headers; /* ends with a NULL name; may be NULL */
    const char *type;                  /* of the body; NULL: none */
    struct troth_span body;
    uint64_t timeout_us; /* for the whole call; > 0 */
    uint64_t quiet_us;   /* and as long as nothing at all comes, once it was sent; 0: no matter */
    http_head on_head;   /* may be NULL */
    http_line on_line;   /* NULL: the body is gathered */
    http_done on_done;
    void *arg;
};

/* Why the last call was TROTH_ERROR_UNAVAILABLE, in words; "" when none was. */
const char *http_peer_why(const struct http_peer *peer);
/* And as an errno: ECONNREFUSED, …; ENOENT: the host's name has no address; ETIMEDOUT. */
int http_peer_errno(const struct http_peer *peer);

/* Copies. TROTH_ERROR_FULL: no connection free; TROTH_ERROR_UNAVAILABLE: no way there at all (no
 * address, no route, no file descriptor); TROTH_ERROR_NO_MEMORY: on_done is not called then, and
 * nothing was sent. on_done is never called before this returns. ret_call may be NULL. */
TROTH_MUST_CHECK int http_peer_call(struct http_peer *peer, const struct http_request *request,
                                    struct http_call **ret_call);
/* on_done is not called any more; the connection is closed. */
void http_call_cancel(struct http_call *call);
/* During on_head and on_done only. */
bool http_reply_header(const struct http_reply *reply, const char *name,
                       struct troth_span *ret_value);

#endif
