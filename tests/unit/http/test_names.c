/* The client's peers whose host is a name: addresses that come, go, change, and do not come. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nameserver.h>

#include "calls.h"
#include "suites.h"

#define NAME "bank.example"

static struct nameserver names;
static uint16_t port;
static int second; /* listens on 127.0.0.2, same port */

static int listen_at(const char *host, uint16_t at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(at)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    return fd;
}

/* A peer of bank.example; `listening` is 127.0.0.1, `second` 127.0.0.2. */
static void setup(void)
{
    calls_setup();
    http_peer_destroy(peer);
    ck_assert_int_eq(close(listening), 0);
    listening = raw_listen(&port);
    second = listen_at("127.0.0.2", port);
    nameserver_start(&names, world.base);
    ck_assert_int_eq(http_loop_name_servers(world.loop, names.address), 0);
    start_peer(NAME, "", port);
}

static void teardown(void)
{
    ck_assert_int_eq(close(second), 0);
    nameserver_finish(&names);
    calls_teardown();
}

/* One whole call, answered by whoever listens there. */
static void call_at(int fd)
{
    again(0);
    (void)get(0, false);
    WAIT_FOR(&world, raw_accept(fd, &served[0]) || outcomes[0].done == 1);
    ck_assert_msg(outcomes[0].done == 0, "%s", http_peer_why(peer));
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].error, 0);
    raw_close(&served[0]);
}

static void fails(int error, const char *why)
{
    again(0);
    struct http_request request = {.method = "GET",
                                   .target = "/",
                                   .timeout_us = 8000000,
                                   .on_done = on_done,
                                   .arg = &outcomes[0]};
    int result = http_peer_call(peer, &request, NULL);
    if (result == 0) {
        WAIT_FOR(&world, outcomes[0].done == 1);
        result = outcomes[0].error;
    }
    ck_assert_int_eq(result, error);
    ck_assert_msg(strstr(http_peer_why(peer), why) != NULL, "%s", http_peer_why(peer));
}

START_TEST(asked_when_called)
{
    /* Making a peer asks nobody; the first call waits for the answer, others use it for its TTL. */
    nameserver_set(&names, NAME, 60, "127.0.0.1", NULL);
    world_turn_for(&world, 10000);
    ck_assert_uint_eq(names.asked, 0);
    call_at(listening);
    uint32_t asked = names.asked;
    ck_assert_uint_gt(asked, 0);
    call_at(listening);
    ck_assert_uint_eq(names.asked, asked);
}
END_TEST

START_TEST(address_changes)
{
    /* When the TTL has passed a name that leads elsewhere is followed. */
    nameserver_set(&names, NAME, 1, "127.0.0.1", NULL);
    call_at(listening);
    nameserver_set(&names, NAME, 1, "127.0.0.2", NULL);
    world_turn_for(&world, 1050000);
    call_at(second);
}
END_TEST

START_TEST(kept_connection_to_an_address_that_left)
{
    /* A kept-alive connection to an address that the name has no more is not used. */
    nameserver_set(&names, NAME, 1, "127.0.0.1", NULL);
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    nameserver_set(&names, NAME, 60, "127.0.0.2", NULL);
    world_turn_for(&world, 1050000);
    uint32_t asked = names.asked;
    again(0); /* the old one serves while the name is asked for beside it, but not for ever */
    (void)get(0, false);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n") && names.asked > asked);
    world_turn_for(&world, 20000);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT_FOR(&world, raw_ended(&served[0]));
    raw_close(&served[0]);
    call_at(second);
}
END_TEST

START_TEST(next_address)
{
    /* An address that refuses is followed by the next, and tried last for a while. */
    ck_assert_int_eq(close(second), 0);
    nameserver_set(&names, NAME, 60, "127.0.0.2", "127.0.0.1", "::1", NULL);
    call_at(listening);
    call_at(listening);
    second = listen_at("127.0.0.2", port);
}
END_TEST

START_TEST(share_of_the_time)
{
    /* An address that swallows packets costs its share of the connect timeout, not all of it. (A
     * full backlog drops SYNs.) */
    struct raw fill[20];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    ck_assert_int_eq(inet_pton(AF_INET, "127.0.0.2", &address.sin_addr), 1);
    ck_assert_int_eq(listen(second, 1), 0);
    for (int i = 0; i < 2; i++) {
        fill[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(fill[i].fd, (struct sockaddr *)&address, sizeof(address)), 0);
    }
    nameserver_set(&names, NAME, 60, "127.0.0.2", "127.0.0.1", NULL);
    call_at(listening);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(close(fill[i].fd), 0);
}
END_TEST

START_TEST(not_there_at_first)
{
    /* A name without an address makes calls unavailable, in words; once it has one they go there.
     */
    fails(TROTH_ERROR_UNAVAILABLE, NAME ": there is no host of that name");
    uint32_t asked = names.asked;
    fails(TROTH_ERROR_UNAVAILABLE, NAME ": there is no host of that name");
    ck_assert_uint_eq(names.asked, asked); /* at once: it is not asked for at each call */
    nameserver_set(&names, NAME, 60, "127.0.0.1", NULL);
    world_turn_for(&world, 300000);
    call_at(listening);
}
END_TEST

START_TEST(silent_server)
{
    /* A silent name server holds a call for its connect timeout, and the loop not at all. */
    names.way = NAMESERVER_SILENT;
    uint64_t begin_us = clock_us();
    (void)get(1, false);
    ck_assert_uint_lt(clock_us() - begin_us, 100000u);
    ck_assert_uint_eq(http_peer_free(peer), 1);
    WAIT_FOR(&world, outcomes[1].done == 1);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_uint_ge(clock_us() - begin_us, 200000u);
    ck_assert_uint_eq(http_peer_free(peer), 2);
    ck_assert_uint_eq(ready, 1);
    ck_assert_ptr_nonnull(strstr(http_peer_why(peer), "no name server has answered in time"));
}
END_TEST

START_TEST(stale_while_silent)
{
    /* While name servers are silent, or in trouble, the address known last goes on being used; that
     * there is no such host is believed. */
    nameserver_set(&names, NAME, 1, "127.0.0.1", NULL);
    http_peer_destroy(peer);
    struct buffer url = {0};
    buffer_append_format(&url, "http://" NAME ":%u", port);
    struct http_peer_config config = {.url = buffer_text(&url),
                                      .connections_max = 2,
                                      .connect_timeout_us = 5000000,
                                      .limits = HTTP_LIMITS_DEFAULT};
    ck_assert_int_eq(http_peer_create(world.loop, &config, &peer), 0);
    buffer_finish(&url);
    call_at(listening);
    names.way = _i == 0 ? NAMESERVER_SILENT : NAMESERVER_FAILS;
    if (_i == 2) {
        nameserver_set(&names, NULL, 1, NULL);
        names.way = NAMESERVER_ANSWERS;
    }
    world_turn_for(&world, 1050000);
    if (_i == 2)
        fails(TROTH_ERROR_UNAVAILABLE, "there is no host of that name");
    else
        call_at(listening);
}
END_TEST

START_TEST(cancelled_while_waiting)
{
    /* A call that waits for its name can be cancelled, and ends with its peer. */
    names.way = NAMESERVER_SILENT;
    http_call_cancel(get(0, false));
    ck_assert_uint_eq(http_peer_free(peer), 2);
    (void)get(1, false);
    http_peer_destroy(peer);
    peer = NULL;
    ck_assert_uint_eq(outcomes[0].done, 0);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

static void destroy_at_done(void *arg, int error, const struct http_reply *reply)
{
    on_done(arg, error, reply);
    http_peer_destroy(peer);
    peer = NULL;
}

START_TEST(destroyed_when_told)
{
    /* The peer may be destroyed from the end of a call that waited for the name; the others end. */
    struct http_request request = {.method = "GET",
                                   .target = "/",
                                   .timeout_us = 8000000,
                                   .on_done = destroy_at_done,
                                   .arg = &outcomes[0]};
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), 0);
    (void)get(1, false);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

START_TEST(words)
{
    /* What became of a call is said in words, with the address and the name. */
    ck_assert_int_eq(close(second), 0);
    nameserver_set(&names, NAME, 60, "127.0.0.2", NULL);
    fails(TROTH_ERROR_UNAVAILABLE, "127.0.0.2:");
    ck_assert_ptr_nonnull(strstr(http_peer_why(peer), "Connection refused (" NAME ")"));
    second = listen_at("127.0.0.2", port);
}
END_TEST

Suite *names_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, asked_when_called);
    tcase_add_test(all, address_changes);
    tcase_add_test(all, kept_connection_to_an_address_that_left);
    tcase_add_test(all, next_address);
    tcase_add_test(all, share_of_the_time);
    tcase_add_test(all, not_there_at_first);
    tcase_add_test(all, silent_server);
    tcase_add_loop_test(all, stale_while_silent, 0, 3);
    tcase_add_test(all, cancelled_while_waiting);
    tcase_add_test(all, destroyed_when_told);
    tcase_add_test(all, words);
    suite_add_tcase(suite, all);
    return suite;
}
