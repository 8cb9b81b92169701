/* Answers that come later, also after the client has left. */
#include <unistd.h>

#include "fixture.h"

#define ONE "/v1/transactions/" FAKE_GTID

static const struct {
    const char *method, *target, *body;
    int status;
} calls[] = {
    {"POST", "/v1/transactions", "{\"mode\":\"2pc\"}", 201},
    {"POST", "/v1/transactions",
     "{\"definition\":\"transfer\",\"input\":{\"from\":7,\"amount\":120}}", 201},
    {"GET", "/v1/transactions", NULL, 200},
    {"GET", ONE, NULL, 200},
    {"HEAD", ONE, NULL, 200},
    {"HEAD", ONE "/events", NULL, 200},
    {"POST", ONE "/branches", "{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"debit\"}",
     200},
    {"POST", ONE "/commit", NULL, 200},
    {"POST", ONE "/abort", NULL, 200},
    {"POST", ONE "/retry", NULL, 200},
    {"POST", ONE "/resolve", "{\"as\":\"committed\",\"by\":\"alice\",\"reason\":\"gone\"}", 200},
    {"POST", ONE "/forget", "{\"by\":\"alice\",\"reason\":\"gone\"}", 200},
    {"GET", ONE "/decision?branch=1&attempt=1", NULL, 200},
    {"PUT", "/v1/definitions/one",
     "{\"name\":\"one\",\"version\":1,\"mode\":\"2pc\",\"steps\":[{\"name\":\"one\","
     "\"participant\":\"bank_a\",\"operation\":\"debit\"}]}",
     201},
    {"DELETE", "/v1/definitions/transfer?version=1", NULL, 204},
    {"PUT", "/v1/participants/bank_c", "{\"binding\":\"http\",\"urls\":[\"http://a\"]}", 201},
    {"DELETE", "/v1/participants/bank_a", NULL, 204},
};
#define CALLS (int)(sizeof calls / sizeof calls[0])

static bool held(void)
{
    return fake_holds(&fx.fake);
}

static bool nobody_connected(void)
{
    return http_server_connections(fx.server) == 0;
}

static int open_held(int i)
{
    fx.fake.hold = true;
    fx.fake.listed = 3;
    int fd = client_open(calls[i].method, calls[i].target, NULL, calls[i].body);
    run_until(held, "the host is asked");
    return fd;
}

START_TEST(an_answer_may_come_later)
{
    /* Every call that the host answers later is answered when it does. */
    REPLY_SCOPED struct reply reply = {0};
    int fd = open_held(_i);
    fake_release(&fx.fake);
    client_read(fd, &reply);
    ck_assert_int_eq(reply.status, calls[_i].status);
}
END_TEST

START_TEST(the_client_may_leave_before_it)
{
    /* A client that leaves takes nothing with it: the answer goes nowhere, and nothing is lost. */
    close(open_held(_i));
    run_until(nobody_connected, "the server notices");
    fake_release(&fx.fake);
    fx.fake.hold = false;
    expect("GET", "/healthz", NULL, 200, "ok");
}
END_TEST

START_TEST(a_refusal_may_come_too_late)
{
    /* The same with a refusal. */
    struct api_problem problem;
    close(open_held(_i));
    run_until(nobody_connected, "the server notices");
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "too late");
    fx.fake.problem = &problem;
    fake_release(&fx.fake);
}
END_TEST

START_TEST(the_server_may_go_first)
{
    /* The server is closed while a call waits: the host's answer still has its place. */
    int fd = open_held(_i);
    http_server_destroy(fx.server);
    fx.server = NULL;
    fake_release(&fx.fake);
    close(fd);
}
END_TEST

Suite *leaving_suite(void)
{
    Suite *suite = suite_create("leaving");
    TCase *tests = suite_case(suite);
    tcase_add_loop_test(tests, an_answer_may_come_later, 0, CALLS);
    tcase_add_loop_test(tests, the_client_may_leave_before_it, 0, CALLS);
    tcase_add_loop_test(tests, a_refusal_may_come_too_late, 0, CALLS);
    tcase_add_loop_test(tests, the_server_may_go_first, 0, CALLS);
    return suite;
}
