/* peer_call.h: what becomes of a call. */
#ifndef HTTP_PEER_CALL_H
#define HTTP_PEER_CALL_H

#include "peer_parts.h"

/* What has become of the last call, for people; and as an errno where no connection came about. */
void http_peer_say(struct http_peer *peer, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Among the unused ones, for the next. */
void http_peer_call_free(struct http_peer *peer, struct http_call *call);

#endif
