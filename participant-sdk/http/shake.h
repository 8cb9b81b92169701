/* shake.h: TLS's handshakes under way at a server, and how many there may be. */
#ifndef HTTP_SHAKE_H
#define HTTP_SHAKE_H

#include "serve_conn.h"

/* TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int http_shake_init(struct http_server *server);
void http_shake_finish(struct http_server *server);

void http_shake_enter(struct serve_conn *serve);
void http_shake_leave(struct serve_conn *serve);
/* Who has to go, before another one enters; NULL: nobody. */
struct serve_conn *http_shake_most(const struct http_server *server);
/* It came to nothing: counted, and told to the host. */
void http_shake_failed(struct serve_conn *serve, const char *why);

#endif
