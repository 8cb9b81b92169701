/* http/loop.h: what all HTTP connections of one event loop share.
 *
 * Both sides of Troth speak HTTP/1.1 through this library: llhttp on plain libevent events
 * (libraries.md says why neither evhttp nor bufferevents). Replies and requests made during a turn
 * of the loop leave together, one write per connection, when the host calls http_loop_flush() at
 * the turn's end: that order is what keeps a reply behind the journal write that it depends on.
 * Single-threaded: every call from the loop's thread. Never blocks. */
#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>

struct event_base;
struct http_loop;
struct resolver;

/* `base` is borrowed and outlives the loop. */
TROTH_MUST_CHECK int http_loop_create(struct event_base *base, struct http_loop **ret_loop);
/* Every server and peer of the loop must be gone: destroyed, and their destroy has returned. Takes
 * NULL. From anywhere, also from callbacks of what was on it. */
void http_loop_destroy(struct http_loop *loop);

struct event_base *http_loop_base(const struct http_loop *loop);

/* Which name servers its peers' hosts are asked of, as resolver_create() says; "" or NULL:
 * resolv.conf's. Before the first peer. TROTH_ERROR_CONFIG: not such a list. */
TROTH_MUST_CHECK int http_loop_name_servers(struct http_loop *loop, const char *servers);
/* The loop's own, made when it is first wanted; for others on the same event base too. It lives as
 * long as the loop. TROTH_ERROR_NO_MEMORY, TROTH_ERROR_SYSTEM. */
TROTH_MUST_CHECK int http_loop_resolver(struct http_loop *loop, struct resolver **ret_resolver);

/* Writes what connections have to send. Calls nothing of the host. Call at the end of every turn.
 */
void http_loop_flush(struct http_loop *loop);

/* What calls to peers have to send leaves only while `may_send` says so, asked before each write,
 * by whatever event that comes: else it is kept, and written by the first flush that may. For a
 * host that must be silent when it was paused for too long. Answers of servers are not held. Before
 * the first call, and not with autoflush; NULL: always, as without this. */
void http_loop_hold(struct http_loop *loop, bool (*may_send)(void *arg), void *arg);

/* Calls of which not a byte has left, held or still connecting, end with TROTH_ERROR_UNAVAILABLE
 * (LOST, where the call was sent before): what they say may not be so any more. Their callbacks run
 * later, in a turn of the loop; nothing of them leaves before. */
void http_loop_recall(struct http_loop *loop);

/* Flush by itself instead, once behind all events of a turn in which something was to be sent (an
 * SDK service that has no turn of its own). */
void http_loop_autoflush(struct http_loop *loop);

struct http_limits {
    uint32_t header_bytes_max; /* request or status line and headers together; 431 */
    uint32_t headers_max;      /* 431 */
    uint32_t body_bytes_max;   /* 413 */
    uint32_t target_bytes_max; /* 414 */
    uint64_t head_timeout_us;  /* from the first byte to the end of the headers; 408 */
    uint64_t body_timeout_us;  /* for the whole body; 408 */
    uint64_t idle_timeout_us;  /* keep-alive without a request: closed silently */
    uint64_t write_timeout_us; /* a peer that takes nothing for so long: closed */
};

#define HTTP_LIMITS_DEFAULT                                                                        \
    {                                                                                              \
        .header_bytes_max = 16384, .headers_max = 64, .body_bytes_max = 1u << 20,                  \
        .target_bytes_max = 4096, .head_timeout_us = 10000000, .body_timeout_us = 30000000,        \
        .idle_timeout_us = 75000000, .write_timeout_us = 30000000                                  \
    }

struct http_header {
    const char *name;
    const char *value; /* zero-terminated; CR, LF or NUL in it is a programming error */
};

#endif
