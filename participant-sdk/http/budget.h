/* budget.h: what the connections of a server hold in all. */
#ifndef HTTP_BUDGET_H
#define HTTP_BUDGET_H

#include "serve_conn.h"

/* After each change of a connection's buffers. */
void http_budget_count(struct serve_conn *serve);
void http_budget_leave(struct serve_conn *serve);
void http_budget_streams(struct serve_conn *serve, bool streams);
bool http_budget_body_fits(const struct serve_conn *serve);
/* Not all was taken by the socket, or there is more for it: somebody may have to go. */
void http_budget_kept(struct serve_conn *serve);
/* Gives memory of what is sent back. */
void http_budget_release(struct serve_conn *serve);
/* What has not begun to leave is gone from a chunked stream; false: that cannot be. */
bool http_budget_drop_unsent(struct serve_conn *serve);

#endif
