/* peer_call.c: what becomes of a call: its words, and its memory for the next one. */
#include "peer_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void http_peer_say(struct http_peer *peer, int error, const char *format, ...)
{
    peer->why_errno = error;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(peer->why, sizeof(peer->why), format, values);
    va_end(values);
}

void http_peer_call_free(struct http_peer *peer, struct http_call *call)
{
    call->next = peer->unused;
    peer->unused = call;
}
