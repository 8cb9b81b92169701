/* peer_link.h: a connection to a peer. */
#ifndef HTTP_PEER_LINK_H
#define HTTP_PEER_LINK_H

#include "peer_parts.h"

/* A connection to the peer for the call, with the request's bytes (taken). Nothing is
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

/* Why it may not be called there, or as the URL says where `to` is NULL. NULL: it may. */
const char *http_link_refusal(const struct http_peer *peer, const struct resolver_address *to);

#endif
