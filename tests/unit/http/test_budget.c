/* What connections may hold in all: who asks for more is refused, who does not read goes, the one
 * with the most first; and nobody else notices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fixture.h"
#include "suites.h"

#define KIB     1024u
#define MIB     (1024u * KIB)
#define CLIENTS 4

static struct world world;
static struct raw clients[CLIENTS];

static void start(const struct http_budget *budget)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    limits.body_bytes_max = 16 * MIB;
    world_start_with(&world, &limits, 100, budget);
    for (int i = 0; i < CLIENTS; i++)
        raw_connect(&clients[i], http_server_port(world.server));
}

static void finish(void)
{
    struct http_server_stats stats;
    for (int i = 0; i < CLIENTS; i++)
        raw_close(&clients[i]);
    WAIT_FOR(&world, http_server_connections(world.server) == 0);
    http_server_stats(world.server, &stats);
    ck_assert_uint_eq(stats.replies_bytes, 0);
    ck_assert_uint_eq(stats.streams_bytes, 0);
    ck_assert_uint_eq(stats.bodies_bytes, 0);
    world_finish(&world);
}

static struct http_server_stats stats(void)
{
    struct http_server_stats stats;
    http_server_stats(world.server, &stats);
    return stats;
}

/* --- bodies ---------------------------------------------------------------------------------- */

static void send_part(struct raw *client, size_t announced, size_t bytes)
{
    static char part[16 * KIB];
    char head[100];
    (void)snprintf(head, sizeof(head),
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", announced);
    raw_send(client, head);
    while (bytes > 0) {
        size_t now = bytes < sizeof(part) ? bytes : sizeof(part);
        raw_send_bytes(client, part, now);
        world_turn(&world);
        bytes -= now;
    }
}

START_TEST(a_body_too_many)
{
    /* Bodies that are being received have one budget: the one that goes over it is refused, with a
     * time; those before it go on, and a small one always passes. */
    start(&(struct http_budget){.bodies_max = 512 * KIB});
    send_part(&clients[0], 600 * KIB, 300 * KIB);
    WAIT_FOR(&world, stats().bodies_bytes >= 300 * KIB);
    send_part(&clients[1], 600 * KIB, 300 * KIB);
    WAIT_FOR(&world, raw_has(&clients[1], "HTTP/1.1 503 "));
    ck_assert(raw_has(&clients[1], "Retry-After: 1\r\n"));
    ck_assert(raw_has(&clients[1], "bodies_bytes_max"));
    ck_assert_uint_eq(stats().refused_bodies, 1);
    send_part(&clients[2], 10 * KIB, 10 * KIB);
    WAIT_FOR(&world, raw_has(&clients[2], "HTTP/1.1 200 OK"));
    ck_assert(!raw_has(&clients[0], "HTTP/1.1"));
    finish();
}
END_TEST

/* --- replies --------------------------------------------------------------------------------- */

static void ask_big(struct raw *client, size_t bytes)
{
    char request[100];
    (void)snprintf(request, sizeof(request), "GET /big?bytes=%zu HTTP/1.1\r\nHost: a\r\n\r\n",
                   bytes);
    raw_send(client, request);
}

START_TEST(who_does_not_read_goes)
{
    /* The one with the most goes first, no more than need be; the others get all of their replies.
     */
    start(&(struct http_budget){.replies_max = 40 * MIB});
    ask_big(&clients[0], 12 * MIB);
    ask_big(&clients[1], 20 * MIB);
    WAIT_FOR(&world, stats().replies_bytes > 20 * MIB);
    ask_big(&clients[2], 16 * MIB);
    WAIT_FOR(&world, http_server_connections(world.server) == CLIENTS - 1);
    ck_assert_uint_eq(stats().cut_replies, 1);
    ck_assert_uint_le(stats().replies_bytes, 40 * MIB);
    WAIT_FOR(&world, !raw_read(&clients[1]));
    ck_assert_uint_lt(clients[1].in.len, 20 * MIB);
    WAIT_FOR(&world, raw_read(&clients[0]) && clients[0].in.len > 12 * MIB);
    WAIT_FOR(&world, raw_read(&clients[2]) && clients[2].in.len > 16 * MIB);
    finish();
}
END_TEST

START_TEST(a_host_is_told_whether_there_is_room)
{
    /* Before it makes a large answer. */
    start(&(struct http_budget){.replies_max = 16 * MIB});
    raw_send(&clients[0], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    ck_assert(http_exchange_has_room(world.held[0], 50));
    ask_big(&clients[1], 12 * MIB);
    WAIT_FOR(&world, stats().replies_bytes > 8 * MIB);
    ck_assert(!http_exchange_has_room(world.held[0], 50));
    ck_assert(http_exchange_has_room(world.held[0], 100));
    finish();
}
END_TEST

/* --- streams --------------------------------------------------------------------------------- */

static const char last_word[] = "event: dropped\n\n";

static void on_slow(void *arg, struct http_exchange *exchange)
{
    uint32_t *calls = arg;
    (*calls)++;
    http_exchange_write(exchange, (struct troth_span){last_word, sizeof(last_word) - 1});
    http_exchange_end(exchange);
}

static uint32_t slow[2], gone[2];

static void on_gone(void *arg, struct http_exchange *exchange)
{
    (void)exchange;
    gone[(uint32_t *)arg - slow]++;
}

static struct http_exchange *begin_stream(int i)
{
    raw_send(&clients[i], "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t before = world.held_count;
    WAIT_FOR(&world, world.held_count == before + 1);
    struct http_exchange *exchange = world.held[before];
    http_exchange_set(exchange, on_gone, &slow[i]);
    http_exchange_slow(exchange, on_slow);
    return exchange;
}

static void write_piece(struct http_exchange *exchange, size_t bytes)
{
    static char piece[MIB];
    memset(piece, 'x', sizeof(piece));
    http_exchange_write(exchange, (struct troth_span){piece, bytes});
}

/* The chunks of what came, as the body they make; whether the last one was there. */
static bool dechunk(struct raw *client, struct buffer *ret_body)
{
    const char *at = strstr(raw_text(client), "\r\n\r\n") + 4;
    const char *end = client->in.data + client->in.len;
    for (;;) {
        char *behind = NULL;
        unsigned long bytes = strtoul(at, &behind, 16);
        ck_assert_msg(behind > at && memcmp(behind, "\r\n", 2) == 0, "a chunk's size at %zu of %zu",
                      (size_t)(at - client->in.data), client->in.len);
        ck_assert(behind + 2 + bytes + 2 <= end);
        if (bytes == 0)
            return true;
        buffer_append(ret_body, behind + 2, bytes);
        at = behind + 2 + bytes + 2;
    }
}

START_TEST(a_stream_nobody_reads_ends_with_a_word)
{
    /* What has not begun to leave is dropped, the host says a last word, and the framing holds. */
    BUFFER_SCOPED struct buffer body = {.data = NULL};
    start(&(struct http_budget){.stream_max = MIB});
    struct http_exchange *exchange = begin_stream(0);
    for (uint64_t until_us = clock_us() + 10000000u; slow[0] == 0;) {
        ck_assert_uint_lt(clock_us(), until_us);
        write_piece(exchange, 64 * KIB);
        world_turn(&world);
    }
    ck_assert_uint_eq(stats().cut_streams, 1);
    ck_assert_uint_lt(stats().replies_bytes + stats().streams_bytes, 200 * KIB);
    WAIT_FOR(&world, raw_ended(&clients[0]));
    ck_assert(dechunk(&clients[0], &body));
    ck_assert_uint_eq((body.len - (sizeof(last_word) - 1)) % (64 * KIB), 0);
    ck_assert_mem_eq(body.data + body.len - (sizeof(last_word) - 1), last_word,
                     sizeof(last_word) - 1);
    ck_assert_uint_eq(gone[0], 0);
    finish();
}
END_TEST

START_TEST(of_all_streams_the_worst_goes_first)
{
    /* The one with the most, for the budget of all; the other goes on. */
    start(&(struct http_budget){.streams_max = 4 * MIB});
    struct http_exchange *worse = begin_stream(0), *better = begin_stream(1);
    write_piece(better, 64 * KIB);
    for (uint64_t until_us = clock_us() + 10000000u; slow[0] == 0;) {
        ck_assert_uint_lt(clock_us(), until_us);
        write_piece(worse, 512 * KIB);
        world_turn(&world);
    }
    ck_assert_uint_eq(stats().cut_streams, 1);
    ck_assert_uint_eq(slow[1], 0);
    write_piece(better, 10);
    http_exchange_end(better);
    WAIT_FOR(&world, raw_has(&clients[1], "\r\n0\r\n\r\n"));
    finish();
}
END_TEST

static bool reads_up_to(struct raw *client, size_t len)
{
    static char data[64 * KIB];
    size_t left = len - client->in.len;
    ssize_t n = recv(client->fd, data, left < sizeof(data) ? left : sizeof(data), MSG_DONTWAIT);
    if (n > 0)
        buffer_append(&client->in, data, (size_t)n);
    return client->in.len >= len;
}

START_TEST(what_was_read_is_given_back)
{
    /* A stream whose client is always a little behind does not grow. */
    BUFFER_SCOPED struct buffer body = {.data = NULL};
    start(&(struct http_budget){.streams_max = 0});
    struct http_exchange *exchange = begin_stream(0);
    size_t written = 0;
    uint64_t most = 0;
    int small = 64 * KIB;
    ck_assert_int_eq(setsockopt(clients[0].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    while (written < 64 * MIB) {
        while (written < clients[0].in.len + 5 * MIB + 512 * KIB) { /* more than sockets take */
            write_piece(exchange, 64 * KIB);
            written += 64 * KIB;
            world_turn(&world);
        }
        size_t wanted = clients[0].in.len + 64 * KIB;
        WAIT_FOR(&world, reads_up_to(&clients[0], wanted));
        most = stats().streams_bytes > most ? stats().streams_bytes : most;
        ck_assert_uint_gt(stats().streams_bytes, 0); /* never all of it */
    }
    http_exchange_end(exchange);
    ck_assert_uint_lt(most, 16 * MIB);
    WAIT_FOR(&world, raw_read(&clients[0]) && clients[0].in.len > written);
    ck_assert(dechunk(&clients[0], &body));
    ck_assert_uint_eq(body.len, written);
    finish();
}
END_TEST

Suite *budget_suite(void)
{
    Suite *suite = suite_create("budget");
    TCase *all = tcase_create("budget");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_body_too_many);
    tcase_add_test(all, who_does_not_read_goes);
    tcase_add_test(all, a_host_is_told_whether_there_is_room);
    tcase_add_test(all, a_stream_nobody_reads_ends_with_a_word);
    tcase_add_test(all, of_all_streams_the_worst_goes_first);
    tcase_add_test(all, what_was_read_is_given_back);
    suite_add_tcase(suite, all);
    return suite;
}
