/* exchange.h: the request as its handler sees it. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "serve_conn.h"

/* The exchange is over: what was allocated for it goes. */
void http_serve_exchange_finish(struct http_exchange *exchange);
/* Splits the target into path and query. */
void http_serve_exchange_init(struct serve_conn *serve);

#endif
