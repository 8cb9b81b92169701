/* The server: what it answers, in which order, and when it lets go. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static struct raw client;

static void setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    world_start(&world, &limits, 100);
    raw_connect(&client, http_server_port(world.server));
}

static void setup_small(void)
{
    world_start(&world, &small_limits, 2);
    raw_connect(&client, http_server_port(world.server));
}

static void teardown(void)
{
    raw_close(&client);
    world_finish(&world);
}

static uint32_t occurrences(struct raw *raw, const char *text)
{
    uint32_t count = 0;
    (void)raw_read(raw);
    for (const char *at = raw_text(raw); (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

START_TEST(answers)
{
    /* A request is answered with status, date, type, length and body, and the connection stays. */
    for (uint32_t i = 1; i <= 3; i++) {
        raw_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        WAIT_FOR(&world, occurrences(&client, "\r\n\r\nhello") == i);
    }
    const char *text = raw_text(&client);
    ck_assert_int_eq(strncmp(text, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
    ck_assert_ptr_nonnull(strstr(text, " GMT\r\nContent-Type: text/plain\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Length: 5\r\n\r\nhello"));
    ck_assert_uint_eq(http_server_connections(world.server), 1);
}
END_TEST

START_TEST(byte_by_byte)
{
    /* A request that comes one byte at a time is the same request. */
    const char *text = "POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nContent-Length: 5\r\n\r\n"
                       "helloGET /constant HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const char *at = text; *at != 0; at++) {
        raw_send_bytes(&client, at, 1);
        world_turn(&world);
    }
    WAIT_FOR(&world, raw_has(&client, "\r\n\r\nok\n"));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "\r\n\r\nhelloHTTP/1.1 200"));
}
END_TEST

START_TEST(head_has_no_body)
{
    /* HEAD is answered with the length the body would have, and without the body. */
    raw_send(&client, "HEAD /constant HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, occurrences(&client, "HTTP/1.1 200") == 2);
    WAIT_FOR(&world, raw_has(&client, "Content-Length: 0\r\n\r\n"));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "Content-Length: 3\r\n\r\nHTTP/1.1 200"));
}
END_TEST

START_TEST(head_of_stream_has_no_body)
{
    /* HEAD of a streamed reply has no chunks, not even the last. */
    raw_send(&client, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    http_exchange_write(world.held[0], (struct troth_span){"abc", 3});
    http_exchange_end(world.held[0]);
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "ok\n"));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "chunked\r\n\r\nHTTP/1.1 200"));
}
END_TEST

START_TEST(chunked_request)
{
    /* A chunked body arrives decoded; extensions and trailers are dropped. */
    raw_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                      "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nHost: evil\r\n\r\n"
                      "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "ok\n"));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "Content-Length: 13\r\n\r\nabc0123456789HTTP"));
}
END_TEST

START_TEST(pipelined)
{
    /* Pipelined requests are handled one after the other, also behind one that is held. */
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
                      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nla");
    WAIT_FOR(&world, world.held_count == 1);
    raw_send(&client, "stGET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    world_turn_for(&world, 20000);
    ck_assert_uint_eq(world.handled, 2);
    http_exchange_reply(world.held[0], 201, "text/plain", NULL, (struct troth_span){"first", 5});
    WAIT_FOR(&world, world.held_count == 2);
    ck_assert_uint_eq(world.handled, 4);
    http_exchange_reply(world.held[1], 202, NULL, NULL, (struct troth_span){NULL, 0});
    WAIT_FOR(&world, raw_has(&client, "202 Accepted"));
    const char *first = strstr(raw_text(&client), "\r\n\r\nfirst");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(strstr(first, "\r\n\r\nlast"));
}
END_TEST

START_TEST(one_write_a_turn)
{
    /* Replies of one turn leave with the flush, not before: nothing overtakes the turn's order. */
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    http_exchange_reply(world.held[0], 200, "text/plain", NULL, (struct troth_span){"now", 3});
    ck_assert_int_ge(event_base_loop(world.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
    ck_assert(!raw_has(&client, "now"));
    http_loop_flush(world.loop);
    WAIT_FOR(&world, raw_has(&client, "now"));
}
END_TEST

START_TEST(autoflush)
{
    /* With autoflush a reply leaves without the host's flush. */
    http_loop_autoflush(world.loop);
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    for (uint64_t until_us = clock_us() + 5000000u; !raw_has(&client, "ok\n");) {
        ck_assert_uint_lt(clock_us(), until_us);
        ck_assert_int_ge(event_base_loop(world.base, EVLOOP_ONCE), 0);
    }
}
END_TEST

START_TEST(streams)
{
    /* A streamed reply leaves piece by piece, chunked, and the connection goes on after its end. */
    raw_send(&client, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "Transfer-Encoding: chunked\r\n\r\n"));
    http_exchange_write(world.held[0], (struct troth_span){"0123456789abcdefg", 17});
    WAIT_FOR(&world, raw_has(&client, "\r\n\r\n11\r\n0123456789abcdefg\r\n"));
    http_exchange_end(world.held[0]);
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "g\r\n0\r\n\r\nHTTP/1.1 200 OK"));
}
END_TEST

START_TEST(streams_to_http_1_0)
{
    /* HTTP/1.0 knows no chunks: the end of the connection ends the stream. */
    raw_send(&client, "GET /stream HTTP/1.0\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    http_exchange_write(world.held[0], (struct troth_span){"abc", 3});
    http_exchange_end(world.held[0]);
    WAIT_FOR(&world, raw_ended(&client));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "Connection: close\r\n\r\nabc"));
    ck_assert_ptr_null(strstr(raw_text(&client), "chunked"));
}
END_TEST

START_TEST(partial_writes)
{
    /* A reply larger than the socket takes at once arrives whole. */
    raw_send(&client, "GET /big?bytes=8000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "\r\n\r\n"));
    size_t head = (size_t)(strstr(raw_text(&client), "\r\n\r\n") + 4 - raw_text(&client));
    WAIT_FOR(&world, raw_read(&client) && client.in.len == head + 8000000);
    ck_assert_uint_eq(strspn(raw_text(&client) + head, "x"), 8000000);
}
END_TEST

START_TEST(slow_reader_holds_back)
{
    /* Who pipelines and does not read is not served further, and is served when it reads. */
    for (int i = 0; i < 40; i++)
        raw_send(&client, "GET /big?bytes=1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    world_turn_for(&world, 50000);
    ck_assert_uint_gt(world.handled, 0);
    ck_assert_uint_lt(world.handled, 30);
    WAIT_FOR(&world, raw_read(&client) && client.in.len > 40000000);
    ck_assert_uint_eq(world.handled, 40);
}
END_TEST

START_TEST(keep_alive_and_close)
{
    /* "Connection: close" and HTTP/1.0 end the connection after the reply. */
    struct raw old;
    raw_connect(&old, http_server_port(world.server));
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_send(&old, "GET /constant HTTP/1.0\r\n\r\n");
    WAIT_FOR(&world, raw_ended(&client) && raw_ended(&old));
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "Connection: close\r\n\r\nok\n"));
    ck_assert_ptr_nonnull(strstr(raw_text(&old), "Connection: close\r\n\r\nok\n"));
    raw_close(&old);
    raw_connect(&old, http_server_port(world.server));
    raw_send(&old, "GET /constant HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT_FOR(&world, raw_has(&old, "Connection: keep-alive\r\n\r\nok\n"));
    raw_close(&old);
}
END_TEST

START_TEST(nothing_after_close)
{
    /* What is pipelined behind "Connection: close" is not handled. */
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                      "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_ended(&client));
    ck_assert_int_eq(client.error, 0);
    ck_assert_uint_eq(world.handled, 1);
}
END_TEST

START_TEST(expects_continue)
{
    /* Expect: 100-continue is answered before the body comes. */
    raw_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                      "Expect: 100-continue\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "HTTP/1.1 100 Continue\r\n\r\n"));
    raw_send(&client, "hel");
    world_turn(&world);
    raw_send(&client, "lo");
    WAIT_FOR(&world, raw_has(&client, "\r\n\r\nhello"));
    ck_assert_uint_eq(occurrences(&client, "100 Continue"), 1);
}
END_TEST

START_TEST(gone_during_held_reply)
{
    /* A client that leaves during a held reply is noticed. */
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    raw_close(&client);
    WAIT_FOR(&world, world.gone == 1);
    ck_assert_uint_eq(http_server_connections(world.server), 0);
}
END_TEST

START_TEST(gone_with_request_waiting)
{
    /* The same while its next pipelined request is waiting, however much that is. */
    size_t waiting = _i == 0 ? 40 : 150000;
    BUFFER_SCOPED struct buffer more = {0};
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    buffer_append_format(&more, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                         waiting);
    ck_assert(buffer_reserve(&more, waiting));
    memset(more.data + more.len, 'x', waiting);
    more.len += waiting;
    raw_send_bytes(&client, more.data, more.len);
    world_turn_for(&world, 30000);
    ck_assert_uint_eq(world.gone, 0);
    raw_close(&client);
    WAIT_FOR(&world, world.gone == 1);
    ck_assert_uint_eq(world.handled, 1);
}
END_TEST

/* Sends what the socket takes of it. */
static bool push(const struct buffer *bytes, size_t *sent, size_t until)
{
    ssize_t n = send(client.fd, bytes->data + *sent, bytes->len - *sent, MSG_DONTWAIT);
    *sent += n > 0 ? (size_t)n : 0;
    return *sent >= until;
}

START_TEST(waiting_request_is_served)
{
    /* A large request that waited behind a held reply is served after it, whole. */
    size_t waiting = 400000;
    BUFFER_SCOPED struct buffer more = {0};
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    buffer_append_format(&more, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                         waiting);
    ck_assert(buffer_reserve(&more, waiting));
    memset(more.data + more.len, 'y', waiting);
    more.len += waiting;
    size_t sent = 0;
    WAIT_FOR(&world, push(&more, &sent, 200000));
    http_exchange_reply(world.held[0], 200, "text/plain", NULL, (struct troth_span){"one", 3});
    WAIT_FOR(&world, push(&more, &sent, more.len) && raw_read(&client) && client.in.len > waiting);
    ck_assert_uint_eq(world.handled, 2);
}
END_TEST

START_TEST(gone_during_stream)
{
    /* A client that leaves a stream is noticed, with and without something to write. */
    raw_send(&client, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "chunked\r\n\r\n"));
    raw_close(&client);
    http_exchange_write(world.held[0], (struct troth_span){"abc", 3});
    WAIT_FOR(&world, world.gone == 1);
}
END_TEST

START_TEST(half_closed_client_is_answered)
{
    /* A client that says all it has to say and then shuts down is answered in full. */
    raw_send(&client, "GET /big?bytes=5000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_int_eq(shutdown(client.fd, SHUT_WR), 0);
    WAIT_FOR(&world, raw_ended(&client));
    ck_assert_uint_gt(client.in.len, 5000000);
    WAIT_FOR(&world, http_server_connections(world.server) == 0);
}
END_TEST

START_TEST(too_many_connections)
{
    /* Beyond connections_max a client is told 503 in the host's form; a place that becomes free
     * is given to the next. */
    struct raw second;
    struct raw third;
    raw_connect(&second, http_server_port(world.server));
    WAIT_FOR(&world, http_server_connections(world.server) == 2);
    raw_connect(&third, http_server_port(world.server));
    raw_send(&third, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_ended(&third));
    ck_assert_int_eq(third.error, 0);
    ck_assert_int_eq(strncmp(raw_text(&third), "HTTP/1.1 503 ", 13), 0);
    ck_assert_ptr_nonnull(strstr(raw_text(&third), "{\"status\":503,"));
    raw_close(&third);
    raw_close(&second);
    WAIT_FOR(&world, http_server_connections(world.server) < 2);
    raw_connect(&third, http_server_port(world.server));
    raw_send(&third, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&third, "ok\n"));
    raw_close(&third);
    ck_assert_uint_eq(world.handled, 1);
}
END_TEST

START_TEST(survives_emfile)
{
    /* Without a file descriptor left the server neither ends nor spins, and accepts later. */
    struct raw late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct rlimit limit;
    struct rlimit none;
    ck_assert_int_ge(late.fd, 0);
    WAIT_FOR(&world, http_server_connections(world.server) == 1);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)late.fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
        /* fills the gaps below the limit */
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(http_server_port(world.server));
    ck_assert_int_eq(connect(late.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    raw_send(&late, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t turns = 0;
    for (uint64_t until_us = clock_us() + 60000; clock_us() < until_us; turns++)
        world_turn(&world);
    ck_assert_uint_eq(world.handled, 0);
    ck_assert_uint_lt(turns, 200); /* the 2 ms tick alone: 30; spinning: thousands */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    WAIT_FOR(&world, raw_has(&late, "ok\n"));
    raw_close(&late);
}
END_TEST

START_TEST(destroy_tells_gone)
{
    /* Destroying a server calls gone for what is not answered. */
    raw_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.held_count == 1);
    http_server_destroy(world.server);
    world.server = NULL;
    ck_assert_uint_eq(world.gone, 1);
}
END_TEST

START_TEST(no_signal)
{
    /* Writing to a client that is gone raises no SIGPIPE. */
    raw_send(&client, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "chunked\r\n\r\n"));
    raw_close(&client);
    for (int i = 0; i < 5; i++) {
        http_exchange_write(world.held[0], (struct troth_span){"abc", 3});
        http_loop_flush(world.loop);
    }
    WAIT_FOR(&world, world.gone == 1);
}
END_TEST

START_TEST(no_delay)
{
    /* TCP_NODELAY is set: without it a streamed piece waits 44 ms for an acknowledgement. */
    WAIT_FOR(&world, http_server_connections(world.server) == 1);
    ck_assert_int_eq(count_no_delay(http_server_port(world.server), false), 1);
}
END_TEST

Suite *server_suite(void)
{
    Suite *suite = suite_create("server");
    TCase *whole = tcase_create("default limits");
    tcase_set_timeout(whole, 30);
    tcase_add_checked_fixture(whole, setup, teardown);
    tcase_add_test(whole, answers);
    tcase_add_test(whole, byte_by_byte);
    tcase_add_test(whole, head_has_no_body);
    tcase_add_test(whole, head_of_stream_has_no_body);
    tcase_add_test(whole, chunked_request);
    tcase_add_test(whole, pipelined);
    tcase_add_test(whole, one_write_a_turn);
    tcase_add_test(whole, autoflush);
    tcase_add_test(whole, streams);
    tcase_add_test(whole, streams_to_http_1_0);
    tcase_add_test(whole, partial_writes);
    tcase_add_test(whole, slow_reader_holds_back);
    tcase_add_test(whole, keep_alive_and_close);
    tcase_add_test(whole, nothing_after_close);
    tcase_add_test(whole, expects_continue);
    tcase_add_test(whole, gone_during_held_reply);
    tcase_add_loop_test(whole, gone_with_request_waiting, 0, 2);
    tcase_add_test(whole, waiting_request_is_served);
    tcase_add_test(whole, gone_during_stream);
    tcase_add_test(whole, half_closed_client_is_answered);
    tcase_add_test(whole, survives_emfile);
    tcase_add_test(whole, destroy_tells_gone);
    tcase_add_test(whole, no_signal);
    tcase_add_test(whole, no_delay);
    suite_add_tcase(suite, whole);
    TCase *small = tcase_create("small limits");
    tcase_set_timeout(small, 30);
    tcase_add_checked_fixture(small, setup_small, teardown);
    tcase_add_test(small, too_many_connections);
    suite_add_tcase(suite, small);
    return suite;
}
