/* server.h: both bindings of the participant protocol. Loop thread only. */
#ifndef SDK_SERVER_H
#define SDK_SERVER_H

struct http_exchange;

/* An http_handler; arg is the participant. */
void server_handle(void *arg, struct http_exchange *exchange);

#endif
