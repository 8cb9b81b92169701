/* budget.c: what a server's connections hold in all, and which of them goes when that is too much.
 *
 * A connection's memory is counted while it has something to send (replies and streams apart), and
 * while a request's body is there. Whoever asks for more than is left of bodies is refused; of
 * those that do not read what was sent to them, the one with the most goes first. */
#include "budget.h"

#include <string.h>

static void recount(uint64_t *total, size_t *counted, size_t now)
{
    *total += now;
    *total -= *counted;
    *counted = now;
}

static size_t out_bytes(const struct serve_conn *serve)
{
    return serve->promised + (serve->conn.out.len > 0 ? serve->conn.out.cap : 0);
}

static uint64_t *out_total(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    return serve->streams ? &server->streams_bytes : &server->replies_bytes;
}

void http_budget_count(struct serve_conn *serve)
{
    recount(out_total(serve), &serve->out_counted, out_bytes(serve));
    recount(&serve->server->bodies_bytes, &serve->body_counted,
            serve->parse.body.cap + serve->ahead.cap);
}

void http_budget_leave(struct serve_conn *serve)
{
    recount(out_total(serve), &serve->out_counted, 0);
    recount(&serve->server->bodies_bytes, &serve->body_counted, 0);
}

void http_budget_streams(struct serve_conn *serve, bool streams)
{
    recount(out_total(serve), &serve->out_counted, 0);
    serve->streams = streams;
    recount(out_total(serve), &serve->out_counted, out_bytes(serve));
}

/* --- bodies ---------------------------------------------------------------------------------- */

bool http_budget_body_fits(const struct serve_conn *serve)
{
    const struct http_server *server = serve->server;
    uint64_t most = server->config.budget.bodies_max;
    return most == 0 || server->bodies_bytes <= most || serve->body_counted <= SERVE_BODY_FREE;
}

/* --- what is not read ------------------------------------------------------------------------ */

static size_t unsent(const struct serve_conn *serve)
{
    return serve->conn.out.len - serve->conn.out_sent;
}

/* Of those that had their chance: the socket takes no more. */
static struct serve_conn *worst(struct http_server *server, bool streams)
{
    struct serve_conn *serve, *found = NULL;
    TAILQ_FOREACH(serve, &server->conns, link)
    {
        if (serve->streams == streams && serve->conn.write_deadline_us != 0 && !serve->over &&
            (found == NULL || unsent(serve) > unsent(found)))
            found = serve;
    }
    return found;
}

static uint64_t going(const struct http_server *server, bool streams)
{
    const struct serve_conn *serve;
    uint64_t bytes = 0;
    TAILQ_FOREACH(serve, &server->conns, link)
    {
        bytes += serve->streams == streams && serve->over ? serve->out_counted : 0;
    }
    return bytes;
}

static void give_up(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    serve->over = true;
    server->cut_streams += serve->streams ? 1 : 0;
    server->cut_replies += serve->streams ? 0 : 1;
    http_conn_schedule(&serve->conn, HTTP_RUN_OVER);
}

/* A stream's own limit. It had its chance when its socket takes no more: what is written in one
 * turn may be more, but not without a bound. */
static void look_at_stream(struct serve_conn *serve)
{
    uint64_t most = serve->server->config.budget.stream_max;
    bool had_chance = serve->conn.write_deadline_us != 0;
    bool is_much =
        unsent(serve) > SERVE_STREAM_BYTES_MAX || (had_chance && most != 0 && unsent(serve) > most);
    if (serve->state == SERVE_STREAMING && is_much && !serve->over)
        give_up(serve);
}

void http_budget_kept(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    const struct http_budget *budget = &server->config.budget;
    uint64_t most = serve->streams ? budget->streams_max : budget->replies_max;
    uint64_t *total = out_total(serve);
    struct serve_conn *found = NULL;
    http_budget_count(serve);
    look_at_stream(serve);
    if (most == 0 || *total <= most)
        return;
    while (*total - going(server, serve->streams) > most &&
           (found = worst(server, serve->streams)) != NULL)
        give_up(found);
}

/* --- a stream that is cut off ---------------------------------------------------------------- */

/* The size of the chunk that stands at `at`, with its framing. */
static size_t chunk_bytes(const struct buffer *out, size_t at)
{
    size_t size = 0, from = at;
    for (; out->data[at] != '\r'; at++) {
        char c = out->data[at];
        size = size * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return at - from + 2 + size + 2;
}

/* Passes by the chunks that have left. */
static void pass_chunks(struct serve_conn *serve)
{
    const struct buffer *out = &serve->conn.out;
    while (serve->boundary < serve->conn.out_sent) {
        size_t bytes = chunk_bytes(out, serve->boundary);
        if (serve->boundary + bytes > serve->conn.out_sent)
            break;
        serve->boundary += bytes;
    }
}

static void drop_sent(struct serve_conn *serve, size_t sent)
{
    buffer_consume(&serve->conn.out, sent);
    serve->conn.out_sent -= sent;
    if (serve->streams)
        serve->boundary = serve->boundary > sent ? serve->boundary - sent : 0;
}

void http_budget_release(struct serve_conn *serve)
{
    size_t sent = serve->conn.out_sent;
    if (serve->state == SERVE_STREAMING && serve->exchange.chunked) {
        pass_chunks(serve);
        sent = serve->boundary < sent ? serve->boundary : sent;
    }
    if (sent >= SERVE_RELEASE_BYTES && sent > serve->conn.out.len / 2)
        drop_sent(serve, sent);
}

bool http_budget_drop_unsent(struct serve_conn *serve)
{
    struct buffer *out = &serve->conn.out;
    BUFFER_SCOPED struct buffer kept = {.data = NULL};
    if (!serve->exchange.chunked)
        return false;
    pass_chunks(serve);
    size_t end = serve->boundary;
    if (end < serve->conn.out_sent)
        end += chunk_bytes(out, end); /* it has begun to leave: the framing needs the rest */
    buffer_append(&kept, out->data + serve->conn.out_sent, end - serve->conn.out_sent);
    if (kept.failed)
        return false;
    struct buffer dropped = *out;
    *out = kept;
    kept = dropped;
    serve->conn.out_sent = 0;
    serve->boundary = out->len;
    return true;
}
