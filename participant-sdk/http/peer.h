/* peer.h: the client's own view of a peer, its connections and calls. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <http/client.h>

#include <sys/socket.h>

#include "conn.h"
#include "parse.h"
#include "url.h"

#define PEER_ADDRESSES_MAX 4u /* of one name, tried one after the other; more are not looked at */

/*     CONNECTING ──> BUSY ──> FINISHING ──> IDLE ──> BUSY …      any ──> closed */
enum link_state {
    LINK_CONNECTING,
    LINK_BUSY,      /* a call is under way */
    LINK_FINISHING, /* its on_done is on the stack */
    LINK_IDLE,      /* keep-alive */
    LINK_STATE_COUNT
};

struct link {
    struct http_conn conn; /* first: the loop frees it */
    struct http_peer *peer;
    struct http_call *call; /* NULL when idle */
    enum link_state state;
    bool is_reused;   /* had a call before: may be stale */
    uint32_t address; /* of the peer's, being tried */
    size_t line_seen; /* of the body: has no line feed */
    struct http_parse parse;
    TAILQ_ENTRY(link) all;
    TAILQ_ENTRY(link) idle;
};

TAILQ_HEAD(links, link);

struct http_call {
    struct http_call *next; /* among the peer's unused ones */
    struct link *link;
    http_line on_line;
    http_done on_done;
    void *arg;
    uint64_t deadline_us;
    bool repeatable;
    bool is_head;
    bool was_repeated; /* so something was sent before: never "nothing was sent" any more */
};

struct peer_address {
    struct sockaddr_storage address;
    socklen_t size;
};

struct http_peer {
    struct http_loop *loop;
    struct http_peer_config config;
    struct http_url url;
    struct peer_address addresses[PEER_ADDRESSES_MAX];
    uint32_t address_count; /* 0: the name was not found */
    uint32_t busy;
    bool destroying;
    struct links links;
    struct links idle; /* last used first */
    struct http_call *unused;
};

/* link.c. A connection to the peer for the call, with the request's bytes (taken). Nothing is
 * called before it returns. TROTH_ERROR_UNAVAILABLE, _NO_MEMORY; the request is lost then. */
TROTH_MUST_CHECK int http_link_open(struct http_peer *peer, struct http_call *call,
                                    struct buffer *request);
/* An idle connection that is still good, or NULL. */
struct link *http_link_reuse(struct http_peer *peer);
/* The request stands in its `out`. */
void http_link_use(struct link *link, struct http_call *call);
void http_link_close(struct link *link);
/* Calls on_done; the connection becomes idle or is closed. */
void http_link_finish(struct link *link, int error, bool is_reusable);

/* peer.c */
void http_peer_call_free(struct http_peer *peer, struct http_call *call);

#endif
