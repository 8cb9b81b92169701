/* What the server refuses: smuggling forms, limits, slow senders. Always in the host's form, always
 * with the connection's end, and never handled. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static struct raw client;

static void setup(void)
{
    world_start(&world, &small_limits, 10);
    raw_connect(&client, http_server_port(world.server));
}

static void teardown(void)
{
    raw_close(&client);
    world_finish(&world);
}

/* One refusal, nothing behind it. */
static void check_refused(int status)
{
    char line[32];
    char body[32];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    (void)snprintf(body, sizeof(body), "{\"status\":%d,", status);
    WAIT_FOR(&world, raw_ended(&client));
    const char *text = raw_text(&client);
    ck_assert_int_eq(client.error, 0);
    ck_assert_msg(strncmp(text, line, strlen(line)) == 0, "%d wanted: %s", status, text);
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: application/problem+json\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(text, body));
    ck_assert_ptr_null(strstr(text + 1, "HTTP/1.1"));
}

#define POST    "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define BEHIND  "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct {
    int status;
    const char *request;
} refused[] = {
    /* the length of the body */
    {400, POST "Content-Length : 3\r\n\r\nabc"},
    {400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {400, POST "Content-Length: 3, 3\r\n\r\nabc"},
    {400, POST "Content-Length: +3\r\n\r\nabc"},
    {400, POST "Content-Length: 3 4\r\n\r\nabc"},
    {400, POST "Content-Length: \r\n\r\n"},
    {400, POST "Content-Length: 99999999999999999999999\r\n\r\n"},
    {400, POST "Transfer-Encoding: gzip\r\n\r\nabc"},
    {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
    {400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "X:\rTransfer-Encoding: chunked\r\n\r\n"},
    {400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    /* chunks */
    {400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "-3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabcX\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabcXY0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc\r\n0\r\n\n"},
    {400, CHUNKED "3;\rx\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc\r\n0\r\nX: a\nY: b\r\n\r\n"},
    /* line ends and white space */
    {400, "GET / HTTP/1.1\nHost: a\n\n"},
    {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    /* names, values, target, host, method, version */
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n: z\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01"
          "b\r\n\r\n"},
    {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    {400, "\x16\x03\x01\x02 a TLS hello"},
    {501, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {501, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {505, "GET /\r\n\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
};

START_TEST(malformed)
{
    /* Malformed: refused, and the request smuggled behind it is never seen. */
    raw_send(&client, refused[_i].request);
    raw_send(&client, BEHIND);
    check_refused(refused[_i].status);
    ck_assert_uint_eq(world.handled, 0);
}
END_TEST

START_TEST(malformed_byte_by_byte)
{
    /* The same when it comes one byte at a time: what was seen does not depend on the cuts. */
    for (const char *at = refused[_i].request; *at != 0 && !raw_ended(&client); at++) {
        raw_send_bytes(&client, at, 1);
        world_turn(&world);
        if (raw_has(&client, "HTTP/1.1 "))
            break;
    }
    if (!raw_has(&client, "HTTP/1.1 "))
        raw_send(&client, BEHIND);
    check_refused(refused[_i].status);
    ck_assert_uint_eq(world.handled, 0);
}
END_TEST

static void send_times(const char *text, int times)
{
    BUFFER_SCOPED struct buffer all = {0};
    for (int i = 0; i < times; i++)
        buffer_append_text(&all, text);
    raw_send_bytes(&client, all.data, all.len);
}

START_TEST(headers_too_large)
{
    /* More header bytes than header_bytes_max: 431, whether they end or not. */
    raw_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    send_times("0123456789", 110);
    raw_send(&client, _i == 0 ? "\r\n\r\n" : "");
    check_refused(431);
}
END_TEST

START_TEST(too_many_headers)
{
    /* More headers than headers_max: 431; exactly as many: answered. */
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n");
    send_times("X: y\r\n", 7);
    raw_send(&client, "\r\n");
    WAIT_FOR(&world, raw_has(&client, "ok\n"));
    buffer_clear(&client.in);
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n");
    send_times("X: y\r\n", 8);
    raw_send(&client, "\r\n");
    check_refused(431);
    ck_assert_uint_eq(world.handled, 1);
}
END_TEST

START_TEST(target_too_long)
{
    /* A target longer than target_bytes_max: 414. */
    raw_send(&client, "GET /");
    send_times("x", 128);
    raw_send(&client, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_refused(414);
}
END_TEST

START_TEST(body_too_large)
{
    /* A body larger than body_bytes_max: 413, before it is read, and however it is framed. */
    if (_i == 0) {
        raw_send(&client, POST "Content-Length: 4097\r\nExpect: 100-continue\r\n\r\n");
    } else {
        raw_send(&client, CHUNKED);
        send_times("400\r\n", 1);
        send_times("0123456789abcdef", 64);
        send_times("\r\n1000\r\n", 1);
        send_times("0123456789abcdef", 256);
    }
    check_refused(413);
    ck_assert_ptr_null(strstr(raw_text(&client), "100 Continue"));
}
END_TEST

START_TEST(large_body_is_drained)
{
    /* A client that goes on sending its too large body still gets to read why: no reset. */
    raw_send(&client, POST "Content-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        send_times("0123456789", 5000);
        world_turn_for(&world, 10000);
    }
    check_refused(413);
}
END_TEST

START_TEST(framing_too_large)
{
    /* A body that is nothing but chunk extensions has an end too. */
    raw_send(&client, CHUNKED "1;x=");
    for (int i = 0; i < 40 && !raw_has(&client, "HTTP/1.1 413"); i++) {
        send_times("0123456789", 200);
        world_turn(&world);
    }
    check_refused(413);
}
END_TEST

/* Sends a byte now and then for as long as the server lets it: the idle time never passes. */
static uint64_t trickle(const char *begin, const char *byte)
{
    uint64_t begin_us = clock_us();
    uint64_t next_us = 0;
    raw_send(&client, begin);
    while (raw_read(&client) && client.in.len == 0) {
        ck_assert_uint_lt(clock_us() - begin_us, 5000000u);
        if (clock_us() >= next_us) {
            raw_send(&client, byte);
            next_us = clock_us() + 30000;
        }
        world_turn(&world);
    }
    return clock_us() - begin_us;
}

START_TEST(slow_head)
{
    /* Headers that trickle in are cut off when head_timeout has passed since their first byte. */
    uint64_t took_us = trickle("GET / HTTP/1.1\r\nHost: a\r\nX: ", "y");
    ck_assert_uint_ge(took_us, small_limits.head_timeout_us - 5000);
    check_refused(408);
}
END_TEST

START_TEST(slow_body)
{
    /* A body that trickles in is cut off when body_timeout has passed since the headers. */
    uint64_t took_us = trickle(POST "Content-Length: 4000\r\n\r\n", "y");
    ck_assert_uint_ge(took_us, small_limits.body_timeout_us - 5000);
    check_refused(408);
}
END_TEST

START_TEST(idle_connection)
{
    /* An idle connection is closed without a word, before and after a request. */
    struct raw fresh;
    raw_connect(&fresh, http_server_port(world.server));
    raw_send(&client, BEHIND);
    WAIT_FOR(&world, raw_has(&client, "ok\n"));
    size_t len = client.in.len;
    WAIT_FOR(&world, raw_ended(&client) && raw_ended(&fresh));
    ck_assert_uint_eq(client.in.len, len);
    ck_assert_uint_eq(fresh.in.len, 0);
    raw_close(&fresh);
}
END_TEST

START_TEST(held_reply_is_not_idle)
{
    /* No deadline of reading ends a connection while the host owes it a reply. */
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    world_turn_for(&world, 3 * small_limits.idle_timeout_us);
    ck_assert_uint_eq(world.gone, 0);
    http_exchange_reply(world.held[0], 200, "text/plain", NULL, (struct troth_span){"late", 4});
    WAIT_FOR(&world, raw_has(&client, "late"));
}
END_TEST

START_TEST(reader_that_takes_nothing)
{
    /* Who takes nothing of its reply for write_timeout is closed, and a stream's host is told. */
    static char piece[1 << 20];
    raw_send(&client, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    for (int i = 0; i < 7; i++)
        http_exchange_write(world.held[0], (struct troth_span){piece, sizeof(piece)});
    WAIT_FOR(&world, world.gone == 1);
    ck_assert_uint_eq(http_server_connections(world.server), 0);
}
END_TEST

START_TEST(stream_nobody_reads)
{
    /* A stream that is written faster than it is read is cut off at a limit, and not by a timeout:
     * none can pass within one turn. */
    static char piece[1 << 20];
    raw_send(&client, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    for (int i = 0; i < 40 && world.gone == 0; i++)
        http_exchange_write(world.held[0], (struct troth_span){piece, sizeof(piece)});
    world_turn(&world);
    ck_assert_uint_eq(world.gone, 1);
}
END_TEST

Suite *refusals_suite(void)
{
    Suite *suite = suite_create("refusals");
    TCase *all = tcase_create("all");
    int count = (int)(sizeof(refused) / sizeof(refused[0]));
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, malformed, 0, count);
    tcase_add_loop_test(all, malformed_byte_by_byte, 0, count);
    tcase_add_loop_test(all, headers_too_large, 0, 2);
    tcase_add_test(all, too_many_headers);
    tcase_add_test(all, target_too_long);
    tcase_add_loop_test(all, body_too_large, 0, 2);
    tcase_add_test(all, large_body_is_drained);
    tcase_add_test(all, framing_too_large);
    tcase_add_test(all, slow_head);
    tcase_add_test(all, slow_body);
    tcase_add_test(all, idle_connection);
    tcase_add_test(all, held_reply_is_not_idle);
    tcase_add_test(all, reader_that_takes_nothing);
    tcase_add_test(all, stream_nobody_reads);
    suite_add_tcase(suite, all);
    return suite;
}
