/* peer_parts.h: the client's own view of a peer, its connections and calls. */
#ifndef HTTP_PEER_PARTS_H
#define HTTP_PEER_PARTS_H

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
    http_head on_head;
    http_line on_line;
    http_done on_done;
    void *arg;
    uint64_t deadline_us;
    uint64_t quiet_us; /* 0: no matter */
    bool head_told;
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

#endif
