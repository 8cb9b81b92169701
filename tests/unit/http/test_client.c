/* The client: requests, answers, and answers that are none. */
#include <string.h>
#include <sys/socket.h>

#include "calls.h"
#include "suites.h"

START_TEST(posts)
{
    /* A request has host, headers, type, length and body; the answer its status, headers, body. */
    const struct http_header headers[] = {{"Troth-Attempt", "1"}, {NULL, NULL}};
    (void)call_with((struct http_request){.method = "POST",
                                          .target = "/debit/prepare",
                                          .headers = headers,
                                          .type = "application/json",
                                          .body = {"{\"a\":0.10}", 10}},
                    0);
    serve_request(0);
    WAIT_FOR(&world, raw_has(&served[0], "{\"a\":0.10}"));
    const char *text = raw_text(&served[0]);
    ck_assert_int_eq(strncmp(text, "POST /base/debit/prepare HTTP/1.1\r\nHost: 127.0.0.1:", 51), 0);
    ck_assert_ptr_nonnull(strstr(text, "\r\nTroth-Attempt: 1\r\nContent-Type: application/json\r\n"
                                       "Content-Length: 10\r\n\r\n{\"a\":0.10}"));
    answer(0, "HTTP/1.1 409 No\r\nX: y\r\nContent-Length: 2\r\n\r\nno");
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_int_eq(outcomes[0].status, 409);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "no");
    ck_assert_str_eq(buffer_text(&outcomes[0].header), "y");
    ck_assert_uint_eq(ready, 1);
}
END_TEST

START_TEST(keeps_alive)
{
    /* The next request goes over the same connection. */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, false);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 204);
    ck_assert(!raw_accept(listening, &served[1]));
}
END_TEST

static bool may_send;

static bool ask_may_send(void *arg)
{
    return *(const bool *)arg;
}

START_TEST(held)
{
    /* While the host must be silent no call leaves, on a new connection or a kept one; answers come
     * in, and what was held leaves with the first flush that may. */
    may_send = false;
    http_loop_hold(world.loop, ask_may_send, &may_send);
    (void)get(0, false);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    world_turn_for(&world, 50000);
    ck_assert(!raw_has(&served[0], "GET"));
    may_send = true;
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    may_send = false;
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, false);
    world_turn_for(&world, 50000);
    ck_assert(!raw_has(&served[0], "GET"));
    may_send = true;
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 204);
}
END_TEST

START_TEST(recalled)
{
    /* What was held when the lease was over never leaves, on a new connection or a kept one; what
     * has left is waited for. */
    may_send = true;
    http_loop_hold(world.loop, ask_may_send, &may_send);
    (void)get(0, false);
    serve_request(0);
    http_loop_recall(world.loop);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 200);
    again(0);
    may_send = false;
    (void)get(0, false);
    (void)get(1, false);
    WAIT_FOR(&world, raw_accept(listening, &served[1]));
    http_loop_recall(world.loop);
    may_send = true;
    WAIT_FOR(&world, outcomes[0].done == 1 && outcomes[1].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert(!raw_has(&served[0], "GET"));
    ck_assert(!raw_has(&served[1], "GET"));
}
END_TEST

START_TEST(bodies)
{
    /* Chunked, until the end of the connection, none at all, and behind an interim answer. */
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 103 Hints\r\nX: no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.0 200 OK\r\nServer: BaseHTTP\r\n\r\nabcde",
    };
    (void)get(0, false);
    serve_request(0);
    raw_send(&served[0], answers[_i]);
    if (_i == 2)
        ck_assert_int_eq(shutdown(served[0].fd, SHUT_WR), 0);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_int_eq(outcomes[0].status, 200);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "abcde");
    ck_assert_uint_eq(outcomes[0].header.len, 0);
}
END_TEST

START_TEST(head_request)
{
    /* The answer to HEAD has a length and no body; the connection goes on. */
    (void)call_with((struct http_request){.method = "HEAD", .target = "/"}, 0);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    ck_assert_int_eq(outcomes[0].error, 0);
    again(0);
    (void)get(0, false);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "a");
}
END_TEST

START_TEST(lines)
{
    /* A streamed answer is handed out line by line as it comes, however it is cut, and a torn line
     * at its end is not. */
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "6\r\none\ntw\r\n");
    WAIT_FOR(&world, outcomes[0].lines.len == 4);
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "one|");
    raw_send(&served[0], "3\r\no\n\n\r\n");
    WAIT_FOR(&world, outcomes[0].lines.len == 9);
    answer(0, "9\r\nlast\ntorn\r\n0\r\n\r\n");
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "one|two||last|");
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_uint_eq(outcomes[0].body.len, 0);
}
END_TEST

START_TEST(lines_of_refusal)
{
    /* The body of a refusal is gathered, also when lines were asked for. */
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    answer(0, "HTTP/1.1 503 Later\r\nContent-Length: 4\r\n\r\na\nb\n");
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "a\nb\n");
    ck_assert_uint_eq(outcomes[0].lines.len, 0);
}
END_TEST

START_TEST(line_too_long)
{
    /* A line longer than body_bytes_max ends the call; many lines may be longer than that. */
    static char line[1000];
    memset(line, 'x', sizeof(line));
    line[999] = '\n';
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 20; i++)
        raw_send_bytes(&served[0], line, sizeof(line));
    WAIT_FOR(&world, outcomes[0].lines.len == 20000);
    for (int i = 0; i < 5; i++)
        raw_send_bytes(&served[0], line, 999);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TOO_LARGE);
}
END_TEST

START_TEST(cancelled_in_line)
{
    /* A call may be cancelled from its line: nothing is called any more and the peer goes on. */
    outcomes[0].cancel =
        call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\nb\n");
    WAIT_FOR(&world, raw_ended(&served[0]));
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "a|");
    ck_assert_uint_eq(outcomes[0].done, 0);
    ck_assert_uint_eq(http_peer_free(peer), 2);
}
END_TEST

START_TEST(bad_answers)
{
    /* What is no HTTP, or too large, ends the call with its own error. */
    static const struct {
        int error;
        const char *answer;
    } cases[] = {
        {TROTH_ERROR_PROTOCOL, "SSH-2.0-OpenSSH\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL,
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n"},
        {TROTH_ERROR_PROTOCOL,
         "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
        {TROTH_ERROR_TOO_LARGE, "HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n"},
    };
    if ((size_t)_i < sizeof(cases) / sizeof(cases[0])) {
        (void)get(0, true);
        serve_request(0);
        answer(0, cases[_i].answer);
        ck_assert_int_eq(outcomes[0].error, cases[_i].error);
        WAIT_FOR(&world, raw_ended(&served[0]));
    }
}
END_TEST

START_TEST(answer_headers_too_large)
{
    /* So do headers without an end. */
    (void)get(0, false);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 110; i++)
        raw_send(&served[0], "0123456789");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TOO_LARGE);
}
END_TEST

START_TEST(lost_in_the_middle)
{
    /* An answer that breaks off is lost: too short a body is never taken as whole. */
    (void)get(0, true);
    serve_request(0);
    raw_send(&served[0], _i == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"
                                 : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc");
    world_turn_for(&world, 5000);
    raw_close(&served[0]);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
}
END_TEST

START_TEST(times_out)
{
    /* The timeout is for the whole call: an answer that trickles in does not prolong it. */
    uint64_t begin_us = clock_us();
    (void)call_with((struct http_request){.method = "GET", .target = "/", .timeout_us = 150000}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nX: ");
    for (uint64_t next_us = 0; outcomes[0].done == 0; world_turn(&world)) {
        ck_assert_uint_lt(clock_us() - begin_us, 5000000u);
        if (clock_us() >= next_us) {
            raw_send(&served[0], "y");
            next_us = clock_us() + 30000;
        }
    }
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TIMEOUT);
    ck_assert_uint_ge(clock_us() - begin_us, 150000u);
    WAIT_FOR(&world, raw_ended(&served[0]));
}
END_TEST

START_TEST(large_request)
{
    /* A request larger than the socket takes at once arrives whole. */
    static char body[3000000];
    memset(body, 'x', sizeof(body));
    (void)call_with(
        (struct http_request){
            .method = "PUT", .target = "/", .type = "text/plain", .body = {body, sizeof(body)}},
        0);
    serve_request(0);
    size_t head = (size_t)(strstr(raw_text(&served[0]), "\r\n\r\n") + 4 - raw_text(&served[0]));
    WAIT_FOR(&world, raw_read(&served[0]) && served[0].in.len == head + sizeof(body));
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].error, 0);
}
END_TEST

START_TEST(early_answer)
{
    /* An answer that comes before the request was taken whole counts; its connection does not go
     * on. */
    static char body[9000000];
    (void)call_with(
        (struct http_request){
            .method = "PUT", .target = "/", .type = "text/plain", .body = {body, sizeof(body)}},
        0);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    answer(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 413);
    WAIT_FOR(&world, raw_ended(&served[0]));
}
END_TEST

START_TEST(urls)
{
    /* URLs that we cannot call are refused when the peer is made. */
    static const char *const wrong[] = {
        "https://a",         "a:80",
        "http://",           "http://a:0",
        "http://a:65536",    "http://a:",
        "http://u@a",        "http://a?x",
        "http://[::1",       "http://a b",
        "http://a/\r\nX: y", "http://a:80x/",
        "http://a/b?c=d",    "http://:80/",
        "http://./",         "http://a..b/",
        "http://.a/",        "http://300.1.1.1/",
        "http://127.1/",     "http://[fe80]/",
        "http://[]/",        "http://1/",
    };
    static const char *const right[] = {"http://127.0.0.1",   "HTTP://127.0.0.1:8080/a/b_c/",
                                        "http://[::1]:8080/", "http://[::1]",
                                        "http://a.b.",        "http://3com.example/x"};
    struct http_peer_config config = {
        .connections_max = 1, .connect_timeout_us = 1, .limits = HTTP_LIMITS_DEFAULT};
    struct http_peer *other = NULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        config.url = wrong[i];
        ck_assert_msg(http_peer_create(world.loop, &config, &other) == TROTH_ERROR_CONFIG, "%s",
                      wrong[i]);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        config.url = right[i];
        ck_assert_int_eq(http_peer_create(world.loop, &config, &other), 0);
        http_peer_destroy(other);
    }
}
END_TEST

Suite *client_suite(void)
{
    Suite *suite = suite_create("client");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, calls_setup, calls_teardown);
    tcase_add_test(all, posts);
    tcase_add_test(all, keeps_alive);
    tcase_add_test(all, held);
    tcase_add_test(all, recalled);
    tcase_add_loop_test(all, bodies, 0, 3);
    tcase_add_test(all, head_request);
    tcase_add_test(all, lines);
    tcase_add_test(all, lines_of_refusal);
    tcase_add_test(all, line_too_long);
    tcase_add_test(all, cancelled_in_line);
    tcase_add_loop_test(all, bad_answers, 0, 8);
    tcase_add_test(all, answer_headers_too_large);
    tcase_add_loop_test(all, lost_in_the_middle, 0, 2);
    tcase_add_test(all, times_out);
    tcase_add_test(all, large_request);
    tcase_add_test(all, early_answer);
    tcase_add_test(all, urls);
    suite_add_tcase(suite, all);
    return suite;
}
