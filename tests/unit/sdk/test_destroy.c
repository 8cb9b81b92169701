/* Client and participant destroyed from inside their own callbacks: what is under way is told, and
 * nothing is touched afterwards. AddressSanitizer sees what is. */
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

#define HEADERS "Troth-Journal: " JOURNAL "\r\n"

/* --- client ----------------------------------------------------------------------------------- */

static struct event_base *base;
static struct troth_client *client;
static int listening;
static char url[64];
static unsigned first, others;
static int heard;

static void on_other(void *arg, const struct troth_answer *answer)
{
    const troth_gtid id = {{0}};
    (void)arg;
    others++;
    ck_assert_int_eq(answer->error, TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_int_eq(troth_client_get(client, &id, on_other, NULL), TROTH_ERROR_SHUTTING_DOWN);
    troth_client_destroy(client); /* is being destroyed */
}

static void on_first(void *arg, const struct troth_answer *answer)
{
    (void)arg;
    first++;
    heard = answer->error;
    troth_client_destroy(client);
}

static void client_setup(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listening, 8), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    base = event_base_new();
}

static void client_teardown(void)
{
    close(listening);
    event_base_free(base);
}

static void turn_until_first(struct event_base *of)
{
    while (first == 0) /* the test's own timeout is the bound */
        ck_assert_int_ge(event_base_loop(of, EVLOOP_ONCE), 0);
    ck_assert_int_ge(event_base_loop(of, EVLOOP_NONBLOCK), 0);
}

/* The first call's callback destroys the client, with another call under way and a third one that
 * waits for its timer; then the loop goes on. */
static void ask_three(uint64_t timeout_us)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT, .url = url,
                                               .timeout_us = timeout_us};
    const troth_gtid id = {{0}};
    ck_assert_int_eq(troth_client_create(base, &config, &client), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_first, NULL), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_other, NULL), 0);
    ck_assert_int_eq(troth_client_wait(client, &id, 60000000, on_other, NULL), 0);
}

static void answer_one(const char *text)
{
    char request[1024];
    int fd = -1;
    while (fd < 0) { /* connections are made by the loop */
        ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    }
    while (recv(fd, request, sizeof request, MSG_DONTWAIT) <= 0)
        ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    close(fd);
}

/* Answered, and left without an answer: the connections come in the order of the calls. */
START_TEST(client_in_its_answer)
{
    static const struct {
        const char *text;
        int error;
    } ends[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0},
                {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", TROTH_ERROR_FULL},
                {"HTTP/1.1 200 OK\r\n", TROTH_ERROR_LOST}};

    ask_three(0);
    answer_one(ends[_i].text);
    turn_until_first(base);
    ck_assert_int_eq(heard, ends[_i].error);
    ck_assert_uint_eq(others, 2);
}
END_TEST

/* Nobody answers in time: the timeout of the first one comes first. */
START_TEST(client_in_its_timeout)
{
    ask_three(100000);
    turn_until_first(base);
    ck_assert_int_eq(heard, TROTH_ERROR_TIMEOUT);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* Nobody is there: at the address, at the name's address, under the name. */
START_TEST(client_that_is_refused)
{
    static const char *const nobody[] = {"http://127.0.0.1:1", "http://localhost:1",
                                         "http://troth.invalid:1"};
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT, .url = nobody[_i]};
    const troth_gtid id = {{0}};
    ck_assert_int_eq(troth_client_create(base, &config, &client), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_first, NULL), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_other, NULL), 0);
    turn_until_first(base);
    ck_assert_int_eq(heard, TROTH_ERROR_UNAVAILABLE);
    ck_assert_uint_eq(others, 1);
}
END_TEST

/* Waiting comes to its end: the callback is a timer's. */
START_TEST(client_in_the_end_of_waiting)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT,
                                               .url = "http://127.0.0.1:1"};
    const troth_gtid id = {{0}};
    ck_assert_int_eq(troth_client_create(base, &config, &client), 0);
    ck_assert_int_eq(troth_client_wait(client, &id, 60000, on_first, NULL), 0);
    turn_until_first(base);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* The loop is the client's own, and stops; the base is not touched any more. */
START_TEST(client_that_blocks)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT,
                                               .url = "http://127.0.0.1:1"};
    const troth_gtid id = {{0}};
    ck_assert_int_eq(troth_client_create(NULL, &config, &client), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_first, NULL), 0);
    ck_assert_int_eq(troth_client_block(client), TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* The host ends its loop there and then, and frees its base: nothing of the client is left. */
static void on_last(void *arg, const struct troth_answer *answer)
{
    on_first(arg, answer);
    (void)event_base_loopbreak(base);
}

START_TEST(client_with_its_host)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT,
                                               .url = "http://127.0.0.1:1"};
    const troth_gtid id = {{0}};
    ck_assert_int_eq(troth_client_create(base, &config, &client), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_last, NULL), 0);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* --- participant ------------------------------------------------------------------------------ */

static struct troth_participant *participant;
static unsigned handled;
static bool replies_first;

static void end_it(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    const struct troth_span none = {NULL, 0};
    (void)arg;
    (void)call;
    handled++;
    if (replies_first)
        troth_reply_vote(reply, TROTH_VOTE_YES, none);
    ck_assert_int_eq(troth_participant_destroy(participant), 0);
    ck_assert_int_eq(troth_participant_destroy(participant), 0);
    if (!replies_first)
        troth_reply_vote(reply, TROTH_VOTE_YES, none);
}

static void *send_and_wait(void *arg)
{
    const struct rig wire = {.port = *(const uint16_t *)arg};
    char body[1024];
    int fd = wire_dial(&wire);
    (void)snprintf(body, sizeof body, "%s\n%s\n", line("prepare", 1, "end", "{}"),
                   line("prepare", 2, "end", "{}"));
    wire_request(fd, "POST", "/", HEADERS, body);
    (void)wire_until(fd, "never there"); /* until it is closed */
    close(fd);
    return NULL;
}

/* From a handler, before its answer or behind it, in a request with another command for it; its own
 * loop or the host's. The other command's handler is not called. */
START_TEST(participant_in_its_handler)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    const struct troth_handlers handlers = {TROTH_HANDLERS_INIT, .prepare = end_it};
    const bool own_loop = (_i & 2) != 0;
    pthread_t thread;
    uint16_t port;
    replies_first = (_i & 1) != 0;
    base = event_base_new();
    ck_assert_int_eq(troth_participant_create(&config, &participant), 0);
    ck_assert_int_eq(troth_participant_handle(participant, "end", &handlers, NULL), 0);
    ck_assert_int_eq(troth_participant_attach(participant, base), 0);
    port = troth_participant_port(participant);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_and_wait, &port), 0);
    if (own_loop)
        ck_assert_int_eq(troth_participant_run(participant), TROTH_ERROR_SHUTTING_DOWN);
    else
        ck_assert_int_ge(event_base_dispatch(base), 0); /* until it has nothing more to do */
    pthread_join(thread, NULL);
    ck_assert_uint_eq(handled, 1);
    event_base_free(base);
}
END_TEST

TCase *destroy_tests(void)
{
    TCase *tests = tcase_create("destroy");
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, client_setup, client_teardown);
    tcase_add_loop_test(tests, client_in_its_answer, 0, 3);
    tcase_add_test(tests, client_in_its_timeout);
    tcase_add_loop_test(tests, client_that_is_refused, 0, 3);
    tcase_add_test(tests, client_in_the_end_of_waiting);
    tcase_add_test(tests, client_that_blocks);
    tcase_add_test(tests, client_with_its_host);
    return tests;
}

TCase *destroy_participant_tests(void)
{
    TCase *tests = tcase_create("destroy participant");
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, participant_in_its_handler, 0, 4);
    return tests;
}
