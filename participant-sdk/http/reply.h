/* reply.h: the reply of an exchange. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "serve_conn.h"

struct serve_head {
    int status;
    const char *type; /* NULL: none */
    const struct http_header *headers;
    bool chunked;
    bool has_length;
    size_t length;
};

void http_serve_append_head(struct serve_conn *serve, const struct serve_head *head);
const char *http_status_reason(int status);

#endif
