/* wait.h: calls that wait for the name. */
#ifndef HTTP_WAIT_H
#define HTTP_WAIT_H

#include "peer_parts.h"

TROTH_MUST_CHECK int http_wait_init(struct http_peer *peer);
void http_wait_finish(struct http_peer *peer); /* every call ends with SHUTTING_DOWN */
/* A new connection for the call, as soon as there is an address; takes the request, also on
 * failure. Nothing is called before it returns. TROTH_ERROR_UNAVAILABLE, _NO_MEMORY. */
TROTH_MUST_CHECK int http_wait_or_open(struct http_peer *peer, struct http_call *call,
                                       struct buffer *request);
void http_wait_cancel(struct http_call *call);

#endif
