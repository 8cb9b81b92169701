/* The client's connections: new, reused, stale, refused, destroyed. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "suites.h"

START_TEST(full)
{
    /* Beyond connections_max a call is refused at once; when one is done there is room again. */
    struct http_request request = {
        .method = "GET", .target = "/", .timeout_us = 1000000, .on_done = on_done};
    (void)get(0, false);
    (void)get(1, false);
    ck_assert_uint_eq(http_peer_free(peer), 0);
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), TROTH_ERROR_FULL);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_uint_eq(http_peer_free(peer), 1);
    again(0);
    (void)get(0, false);
}
END_TEST

START_TEST(stale_connection)
{
    /* A kept-alive connection that closes at the next request, before a byte of answer: what
     * changes nothing is sent once more, on a new connection; anything else may have been acted on:
     * it is lost, and not sent again (faults.md 47). */
    bool is_safe = _i == 1;
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, is_safe);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    raw_close(&served[0]);
    if (!is_safe) {
        WAIT_FOR(&world, outcomes[0].done == 1);
        ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
        world_turn_for(&world, 20000);
        ck_assert(!raw_accept(listening, &served[1]));
        return;
    }
    serve_request(1);
    ck_assert_int_eq(strncmp(raw_text(&served[1]), "GET /base/x HTTP/1.1\r\n", 22), 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "b");
}
END_TEST

START_TEST(stale_before_the_first_byte)
{
    /* A kept connection that has closed, or said something, before a byte of the request was
     * written: it goes over a new one, whatever it is, for nothing can have arrived. Seen as the
     * connection's own event (0, 2) and by the look just before the first write (1, 3). */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, false);
    if (_i < 2)
        raw_close(&served[0]);
    else
        raw_send(&served[0], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    if (_i % 2 == 1)
        http_loop_flush(world.loop);
    else
        ck_assert_int_eq(event_base_loop(world.base, EVLOOP_NONBLOCK), 0);
    serve_request(1);
    ck_assert_uint_eq(outcomes[0].done, 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "good");
}
END_TEST

START_TEST(server_says_how_long)
{
    /* A server that says how long it keeps an idle connection is left before: at once, where it
     * says that it does not keep it at all. */
    (void)get(0, false);
    serve_request(0);
    answer(0, _i == 0
                  ? "HTTP/1.1 200 OK\r\nKeep-Alive: max=7, timeout=0\r\nContent-Length: 0\r\n\r\n"
                  : "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, false);
    if (_i == 0)
        serve_request(1);
    else
        WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    ck_assert_int_eq(raw_ended(&served[0]), _i == 0);
}
END_TEST

START_TEST(stale_stream)
{
    /* The same where the answer comes in lines, which may leave without a look in the turn in which
     * the answer before was read, and in no later one. */
    struct http_request request = {.method = "POST", .target = "/x", .on_line = on_line};
    (void)call_with(request, 0);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n");
    again(0);
    raw_close(&served[0]);
    (void)call_with(request, 0);
    http_loop_flush(world.loop);
    serve_request(1);
    ck_assert_uint_eq(outcomes[0].done, 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntwo\n");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "one|two|");
}
END_TEST

START_TEST(stale_only_once)
{
    /* The repetition is not repeated: a second loss is a loss, and never "nothing was sent". */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, true);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    if (_i == 1) { /* the repetition cannot even connect */
        ck_assert_int_eq(close(listening), 0);
        raw_close(&served[0]);
        uint16_t port;
        WAIT_FOR(&world, outcomes[0].done == 1);
        listening = raw_listen(&port);
    } else {
        raw_close(&served[0]);
        serve_request(1);
        raw_close(&served[1]);
        WAIT_FOR(&world, outcomes[0].done == 1);
        world_turn_for(&world, 20000);
        ck_assert(!raw_accept(listening, &served[2]));
    }
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
    ck_assert_uint_eq(outcomes[0].done, 1);
}
END_TEST

START_TEST(not_repeated_after_a_byte)
{
    /* Neither is what was answered by as much as a byte, nor what went over a fresh connection. */
    bool is_fresh = _i == 1;
    if (!is_fresh) {
        (void)get(0, false);
        serve_request(0);
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        again(0);
    }
    (void)get(0, true);
    if (is_fresh) {
        serve_request(0);
    } else {
        WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
        raw_send(&served[0], "H");
        world_turn_for(&world, 5000);
    }
    raw_close(&served[0]);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
    ck_assert(!raw_accept(listening, &served[1]));
}
END_TEST

START_TEST(unasked_answer)
{
    /* An answer nobody asked for closes the connection: with the one before it, later while idle,
     * and at the very moment of the next request. It is never taken as the next answer. */
    const char *unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    (void)get(0, false);
    serve_request(0);
    if (_i == 0) {
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    } else {
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        raw_send(&served[0], unasked);
    }
    if (_i == 1)
        world_turn_for(&world, 5000);
    again(0);
    (void)get(0, false);
    serve_request(1);
    ck_assert(raw_ended(&served[0]));
    ck_assert_uint_eq(outcomes[0].done, 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "good");
}
END_TEST

START_TEST(connection_refused)
{
    /* Nobody listens: unavailable, nothing was sent, and not before the call returned. */
    uint16_t port;
    http_peer_destroy(peer);
    int fd = raw_listen(&port);
    ck_assert_int_eq(close(fd), 0);
    start_peer("127.0.0.1", "", port);
    (void)get(0, true);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_int_eq(outcomes[0].status, 0);
    ck_assert_uint_eq(http_peer_free(peer), 2);
}
END_TEST

START_TEST(connect_times_out)
{
    /* A connection that does not come about in time: unavailable. (A full backlog drops SYNs.) */
    uint16_t port;
    struct raw fill[3];
    http_peer_destroy(peer);
    int fd = raw_listen(&port);
    ck_assert_int_eq(listen(fd, 1), 0);
    for (int i = 0; i < 2; i++)
        raw_connect(&fill[i], port);
    start_peer("127.0.0.1", "", port);
    uint64_t begin_us = clock_us();
    (void)get(0, true);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_uint_ge(clock_us() - begin_us, 200000u);
    for (int i = 0; i < 2; i++)
        raw_close(&fill[i]);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(peer_that_closed_while_idle)
{
    /* An idle connection that the server has closed is not used: even what may not be repeated goes
     * out on a new one. */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    raw_close(&served[0]);
    outcomes[0].done = 0;
    (void)get(0, false);
    serve_request(1);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
}
END_TEST

START_TEST(destroy_ends_calls)
{
    /* Destroying a peer ends its calls, connecting, waiting and idle. */
    (void)get(0, false);
    serve_request(0);
    (void)get(1, false);
    http_peer_destroy(peer);
    peer = NULL;
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_uint_eq(ready, 0);
}
END_TEST

static void destroy_at_done(void *arg, int error, const struct http_reply *reply)
{
    on_done(arg, error, reply);
    http_peer_destroy(peer);
    peer = NULL;
}

START_TEST(destroy_from_done)
{
    /* A peer may be destroyed from the end of one of its calls. */
    struct http_request request = {.method = "GET",
                                   .target = "/",
                                   .timeout_us = 8000000,
                                   .on_done = destroy_at_done,
                                   .arg = &outcomes[0]};
    (void)get(1, false);
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), 0);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    WAIT_FOR(&world, raw_accept(listening, &served[1]));
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

START_TEST(no_delay)
{
    /* TCP_NODELAY is set on this side too. */
    http_peer_destroy(peer);
    start_peer("127.0.0.1", "", http_server_port(world.server));
    (void)call_with((struct http_request){.method = "GET", .target = "/constant"}, 0);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(count_no_delay(http_server_port(world.server), true), 1);
}
END_TEST

Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, calls_setup, calls_teardown);
    tcase_add_test(all, full);
    tcase_add_loop_test(all, stale_connection, 0, 2);
    tcase_add_loop_test(all, stale_before_the_first_byte, 0, 4);
    tcase_add_test(all, stale_stream);
    tcase_add_loop_test(all, server_says_how_long, 0, 2);
    tcase_add_loop_test(all, stale_only_once, 0, 2);
    tcase_add_loop_test(all, not_repeated_after_a_byte, 0, 2);
    tcase_add_loop_test(all, unasked_answer, 0, 3);
    tcase_add_test(all, connection_refused);
    tcase_add_test(all, connect_times_out);
    tcase_add_test(all, peer_that_closed_while_idle);
    tcase_add_test(all, destroy_ends_calls);
    tcase_add_test(all, destroy_from_done);
    tcase_add_test(all, no_delay);
    suite_add_tcase(suite, all);
    return suite;
}
