/* peer.h: the client's own view of a peer, its connections and calls. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <http/client.h>

#include "conn.h"
#include "name.h"
#include "parse.h"
#include "url.h"

#define PEER_WHY_MAX 384u

/*     CONNECTING ──> BUSY ──> FINISHING ──> IDLE ──> BUSY …      any ──> closed */
enum peer_link_state {
    PEER_LINK_CONNECTING,
    PEER_LINK_BUSY,      /* a call is under way */
    PEER_LINK_FINISHING, /* its on_done is on the stack */
    PEER_LINK_IDLE,      /* keep-alive */
    PEER_LINK_STATE_COUNT
};

struct peer_link {
    struct http_conn conn; /* first: the loop frees it */
    struct http_peer *peer;
    struct http_call *call; /* NULL when idle */
    enum peer_link_state state;
    bool is_reused; /* had a call before: may be stale */
    struct resolver_address address;
    uint32_t round;   /* of the name's answers, in which that address stood */
    size_t line_seen; /* of the body: has no line feed */
    struct http_parse parse;
    TAILQ_ENTRY(peer_link) all;
    TAILQ_ENTRY(peer_link) idle;
};

TAILQ_HEAD(peer_links, peer_link);

struct http_call {
    struct http_peer *peer;
    struct http_call *next; /* among the peer's unused ones */
    struct peer_link *link; /* NULL: it waits for the name */
    struct buffer request;  /* while it waits */
    TAILQ_ENTRY(http_call) waiting;
    uint64_t connect_by_us;
    uint32_t tried; /* addresses, by their bits */
    uint32_t round; /* of the name's answers, which the bits are about */
    http_line on_line;
    http_done on_done;
    void *arg;
    uint64_t deadline_us;
    bool is_safe; /* GET or HEAD: changes nothing, may be sent twice */
    bool is_head;
    bool was_repeated; /* so something was sent before: never "nothing was sent" any more */
};

TAILQ_HEAD(calls, http_call);

struct http_peer {
    struct http_buried buried; /* first: the loop frees it */
    struct http_loop *loop;
    struct http_peer_config config;
    struct http_url url;
    struct name name;
    struct calls waiting;   /* for the name */
    struct event *patience; /* when the first of them must not wait any more */
    uint32_t busy;
    bool destroying;
    bool *gone; /* told when the host destroys the peer under our feet */
    int why_errno;
    char why[PEER_WHY_MAX];
    struct peer_links links;
    struct peer_links idle; /* last used first */
    struct http_call *unused;
};

/* peer_link.c. A connection to the peer for the call, with the request's bytes (taken). Nothing is
 * called before it returns. TROTH_ERROR_UNAVAILABLE, _NO_MEMORY; the request is lost then. */
TROTH_MUST_CHECK int http_link_open(struct http_peer *peer, struct http_call *call,
                                    struct buffer *request);
/* An idle connection that is still good, or NULL. */
struct peer_link *http_link_reuse(struct http_peer *peer);
/* The request stands in its `out`. */
void http_link_use(struct peer_link *link, struct http_call *call);
void http_link_close(struct peer_link *link);
/* Calls on_done; the connection becomes idle or is closed. */
void http_link_finish(struct peer_link *link, int error, bool is_reusable);

/* wait.c: calls that wait for the name. */
TROTH_MUST_CHECK int http_wait_init(struct http_peer *peer);
void http_wait_finish(struct http_peer *peer); /* every call ends with SHUTTING_DOWN */
/* A new connection for the call, as soon as there is an address; takes the request, also on
 * failure. Nothing is called before it returns. TROTH_ERROR_UNAVAILABLE, _NO_MEMORY. */
TROTH_MUST_CHECK int http_wait_or_open(struct http_peer *peer, struct http_call *call,
                                       struct buffer *request);
void http_wait_cancel(struct http_call *call);

/* peer.c */
/* What has become of the last call, for people; and as an errno where no connection came about. */
void http_peer_say(struct http_peer *peer, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void http_peer_call_free(struct http_peer *peer, struct http_call *call);

#endif
