/* serve.h: a connection of the server from its first byte to its last. */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "serve_conn.h"

/* Takes the descriptor. `is_over`: beyond connections_max, it is told so and closed. */
void http_serve_begin(struct http_server *server, int fd, bool is_over);
void http_serve_close(struct serve_conn *serve);
/* The same, and an open exchange's `gone` is called: the client left, or is given up. */
void http_serve_lose(struct serve_conn *serve);
/* Sends a refusal of the server's own, then closes. */
void http_serve_refuse(struct serve_conn *serve, int status, const char *what);
/* The reply is complete and stands in `out`. */
void http_serve_replied(struct serve_conn *serve);
void http_serve_set_state(struct serve_conn *serve, enum serve_state state);

#endif
