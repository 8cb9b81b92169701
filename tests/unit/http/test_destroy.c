/* Whatever is destroyed from inside its own callback is silent from then on, and nothing of it is
 * touched: peers, servers, and the loop they were on. AddressSanitizer sees what is. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "calls.h"
#include "suites.h"

/* Another loop on the same base, which a callback takes down with all that is on it. */
static struct http_loop *mine;
static struct http_server *server;
static struct http_peer *own_peer;
static uint32_t called;

static void take_down(void)
{
    called++;
    http_peer_destroy(own_peer);
    http_server_destroy(server);
    http_loop_destroy(mine);
}

/* --- the client's side ------------------------------------------------------------------------ */

static enum { IN_DONE, IN_LINE, IN_READY } at;

static void ready_or_not(void *arg)
{
    (void)arg;
    if (at == IN_READY)
        take_down();
}

static void take_line(void *arg, struct troth_span line)
{
    (void)arg;
    (void)line;
    if (at == IN_LINE && called == 0)
        take_down();
}

static void first_done(void *arg, int error, const struct http_reply *reply)
{
    struct outcome *outcome = arg;
    (void)reply;
    outcome->done++;
    outcome->error = error;
    if (at == IN_DONE)
        take_down();
}

/* Of the other call, which ends with the peer: nothing can be called any more. */
static void other_done(void *arg, int error, const struct http_reply *reply)
{
    struct http_request request = {
        .method = "GET", .target = "/", .timeout_us = 1000000, .on_done = other_done, .arg = arg};
    struct outcome *outcome = arg;
    (void)reply;
    outcome->done++;
    outcome->error = error;
    ck_assert_int_eq(http_peer_call(own_peer, &request, NULL), TROTH_ERROR_SHUTTING_DOWN);
    http_peer_destroy(own_peer); /* is being destroyed: nothing happens */
}

static void call_two(uint16_t port)
{
    BUFFER_SCOPED struct buffer url = {0};
    buffer_append_format(&url, "http://127.0.0.1:%u", port);
    struct http_peer_config config = {.url = buffer_text(&url),
                                      .connections_max = 2,
                                      .connect_timeout_us = 5000000,
                                      .limits = HTTP_LIMITS_DEFAULT,
                                      .ready = ready_or_not};
    struct http_request request = {.method = "GET",
                                   .target = "/",
                                   .timeout_us = 8000000,
                                   .on_line = at == IN_LINE ? take_line : NULL,
                                   .on_done = first_done,
                                   .arg = &outcomes[0]};
    ck_assert_int_eq(http_loop_create(world.base, &mine), 0);
    http_loop_autoflush(mine);
    ck_assert_int_eq(http_peer_create(mine, &config, &own_peer), 0);
    ck_assert_int_eq(http_peer_call(own_peer, &request, NULL), 0);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    request.on_line = NULL;
    request.on_done = other_done;
    request.arg = &outcomes[1];
    ck_assert_int_eq(http_peer_call(own_peer, &request, NULL), 0);
    WAIT_FOR(&world, raw_accept(listening, &served[1]));
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static const char *const answers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", /* more than asked for */
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na\nb\nc\n",
    "nonsense\r\n\r\n",
};

START_TEST(peer_in_a_callback)
{
    /* From on_done, on_line and ready, whatever the answer was; the other call is told. */
    const size_t count = sizeof(answers) / sizeof(answers[0]);
    at = (size_t)_i / count == 0 ? IN_DONE : (size_t)_i / count == 1 ? IN_LINE : IN_READY;
    call_two(port_of(listening));
    raw_send(&served[0], answers[(size_t)_i % count]);
    if ((size_t)_i % count == 2)
        raw_close(&served[0]);
    if (at == IN_LINE && (size_t)_i % count != 2) /* there is no line in it */
        at = IN_DONE;
    WAIT_FOR(&world, called == 1);
    ck_assert_uint_eq(outcomes[0].done, 1);
    ck_assert_uint_eq(outcomes[1].done, 1);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
    world_turn_for(&world, 20000);
}
END_TEST

START_TEST(peer_that_was_left)
{
    /* The same when the connection has just been lost. */
    at = IN_DONE;
    call_two(port_of(listening));
    raw_close(&served[0]);
    WAIT_FOR(&world, called == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

/* --- the server's side ------------------------------------------------------------------------ */

enum { IN_HANDLER, BEHIND_REPLY, IN_STREAM, IN_GONE, IN_PROBLEM };
static int where;
static uint32_t gone;

static void on_gone(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    (void)exchange;
    gone++;
    if (where == IN_GONE)
        take_down();
}

static void handle(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    http_exchange_set(exchange, on_gone, NULL);
    if (where == BEHIND_REPLY)
        http_exchange_reply(exchange, 200, "text/plain", NULL, (struct troth_span){"ok", 2});
    else if (where == IN_STREAM)
        http_exchange_begin(exchange, 200, "text/plain", NULL);
    if (where != IN_GONE)
        take_down();
}

static const char *on_problem(int status, const char *what, struct buffer *body)
{
    buffer_append_format(body, "%d %s", status, what);
    take_down();
    return "text/plain";
}

START_TEST(server_in_a_callback)
{
    /* From the handler before and behind its reply, from gone, and while it refuses by itself. */
    const struct http_server_config config = {.address = "127.0.0.1",
                                              .connections_max = 8,
                                              .limits = HTTP_LIMITS_DEFAULT,
                                              .handler = handle,
                                              .problem = on_problem};
    struct raw raw, other;
    where = _i;
    ck_assert_int_eq(http_loop_create(world.base, &mine), 0);
    http_loop_autoflush(mine);
    ck_assert_int_eq(http_server_create(mine, &config, &server), 0);
    raw_connect(&other, http_server_port(server)); /* has said nothing yet */
    raw_connect(&raw, http_server_port(server));
    WAIT_FOR(&world, http_server_connections(server) == 2);
    raw_send(&raw, where == IN_PROBLEM ? "nonsense\r\n\r\n"
                                       : "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                                         "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    if (where == IN_GONE) {
        world_turn_for(&world, 20000);
        raw_close(&raw);
    }
    WAIT_FOR(&world, called == 1);
    world_turn_for(&world, 20000);
    ck_assert_uint_eq(called, 1);
    ck_assert_uint_eq(gone, where == BEHIND_REPLY || where == IN_PROBLEM ? 0 : 1);
    WAIT_FOR(&world, raw_ended(&other));
    raw_close(&other);
    if (where != IN_GONE)
        raw_close(&raw);
}
END_TEST

Suite *destroy_suite(void)
{
    Suite *suite = suite_create("destroy");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, calls_setup, calls_teardown);
    tcase_add_loop_test(all, peer_in_a_callback, 0, 12);
    tcase_add_test(all, peer_that_was_left);
    tcase_add_loop_test(all, server_in_a_callback, 0, IN_PROBLEM + 1);
    suite_add_tcase(suite, all);
    return suite;
}
