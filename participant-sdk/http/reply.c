/* reply.c: what a server connection says. */
#include "reply.h"

#include <assert.h>
#include <string.h>

#include "budget.h"
#include "serve.h"

const char *http_status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } list[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        if (list[i].status == status)
            return list[i].reason;
    return "Status"; /* the reason is for people only; RFC 9112, section 4 */
}

#define APPEND_LITERAL(buffer, text) buffer_append((buffer), (text), sizeof(text) - 1)

static void append_header(struct buffer *out, const char *name, const char *value)
{
    assert(strchr(value, '\n') == NULL && strchr(value, '\r') == NULL); /* names are literals */
    buffer_append_text(out, name);
    APPEND_LITERAL(out, ": ");
    buffer_append_text(out, value);
    APPEND_LITERAL(out, "\r\n");
}

static void append_status_line(struct buffer *out, int status)
{
    assert(status >= 200 && status <= 599);
    if (status == 200) {
        APPEND_LITERAL(out, "HTTP/1.1 200 OK\r\n");
        return;
    }
    APPEND_LITERAL(out, "HTTP/1.1 ");
    buffer_append_uint(out, (uint64_t)status);
    buffer_append_char(out, ' ');
    buffer_append_text(out, http_status_reason(status));
    APPEND_LITERAL(out, "\r\n");
}

void http_serve_append_head(struct serve_conn *serve, const struct serve_head *head)
{
    struct buffer *out = &serve->conn.out;
    append_status_line(out, head->status);
    buffer_append(out, http_loop_date(serve->conn.loop), HTTP_DATE_HEADER_LEN);
    if (head->type != NULL)
        append_header(out, "Content-Type", head->type);
    for (const struct http_header *h = head->headers; h != NULL && h->name != NULL; h++)
        append_header(out, h->name, h->value);
    if (serve->exchange.sign_name != NULL)
        append_header(out, serve->exchange.sign_name, serve->exchange.sign);
    if (head->has_length && head->status != 204 && head->status != 304) {
        APPEND_LITERAL(out, "Content-Length: ");
        buffer_append_uint(out, head->length);
        APPEND_LITERAL(out, "\r\n");
    }
    if (head->chunked)
        APPEND_LITERAL(out, "Transfer-Encoding: chunked\r\n");
    if (serve->close_after)
        APPEND_LITERAL(out, "Connection: close\r\n");
    else if (serve->parse.llhttp.http_minor == 0)
        APPEND_LITERAL(out, "Connection: keep-alive\r\n");
    APPEND_LITERAL(out, "\r\n");
}

static struct serve_conn *answering(struct http_exchange *exchange, enum serve_state state)
{
    struct serve_conn *serve = exchange->conn;
    assert(serve->state == state); /* answered twice, or in the wrong order */
    if (!serve->parse.keep_alive)
        serve->close_after = true;
    return serve;
}

void http_exchange_reply(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers, struct troth_span body)
{
    struct serve_conn *serve = answering(exchange, SERVE_HANDLING);
    struct troth_span sent = body;
    if (type == NULL || status == 204 || status == 304)
        sent.len = 0;
    http_serve_append_head(serve, &(struct serve_head){.status = status,
                                                       .type = type,
                                                       .headers = headers,
                                                       .has_length = true,
                                                       .length = sent.len});
    if (!exchange->is_head)
        buffer_append_span(&serve->conn.out, sent);
    http_serve_replied(serve);
}

void http_exchange_begin(struct http_exchange *exchange, int status, const char *type,
                         const struct http_header *headers)
{
    struct serve_conn *serve = answering(exchange, SERVE_HANDLING);
    exchange->chunked = serve->parse.llhttp.http_minor > 0;
    if (!exchange->chunked)
        serve->close_after = true; /* HTTP/1.0: the end of the connection is the end of the body */
    http_serve_append_head(serve, &(struct serve_head){.status = status,
                                                       .type = type,
                                                       .headers = headers,
                                                       .chunked = exchange->chunked});
    http_serve_set_state(serve, SERVE_STREAMING);
    serve->boundary = serve->conn.out.len;
    http_budget_streams(serve, true);
    http_conn_send(&serve->conn);
}

static void append_chunk_size(struct buffer *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof(len) * 2];
    size_t at = sizeof(text);
    do {
        text[--at] = digits[len % 16];
        len /= 16;
    } while (len > 0);
    buffer_append(out, text + at, sizeof(text) - at);
    APPEND_LITERAL(out, "\r\n");
}

void http_exchange_write(struct http_exchange *exchange, struct troth_span piece)
{
    struct serve_conn *serve = exchange->conn;
    struct buffer *out = &serve->conn.out;
    assert(serve->state == SERVE_STREAMING);
    if (piece.len == 0 || exchange->is_head)
        return;
    if (serve->over)
        return; /* it is being cut off */
    if (exchange->chunked)
        append_chunk_size(out, piece.len);
    buffer_append_span(out, piece);
    if (exchange->chunked)
        APPEND_LITERAL(out, "\r\n");
    http_budget_kept(serve);
    http_conn_send(&serve->conn);
}

void http_exchange_end(struct http_exchange *exchange)
{
    struct serve_conn *serve = exchange->conn;
    assert(serve->state == SERVE_STREAMING);
    if (exchange->chunked && !exchange->is_head)
        APPEND_LITERAL(&serve->conn.out, "0\r\n\r\n");
    http_serve_replied(serve);
}
