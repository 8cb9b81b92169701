/* Paths, methods, probes, and the server's own refusals. */
#include <string.h>

#include "fixture.h"

static const char *const no_paths[] = {
    "/",
    "/v1",
    "/v1/",
    "/v1/transaction",
    "/v1/transactions/",
    "/v1/definitions//",
    "/v1/transactions/" FAKE_GTID "/",
    "/v1/transactions/" FAKE_GTID "/comit",
    "/healthz/x",
};

START_TEST(says_that_there_is_no_such_path)
{
    /* An unknown path is 404 and points to the description. */
    expect_problem("GET", no_paths[_i], NULL, NULL, 404, "no-such-path", "/openapi.json");
}
END_TEST

static const struct {
    const char *method, *path, *allow;
} wrong_methods[] = {
    {"DELETE", "/v1/transactions", "Allow: POST, GET, HEAD"},
    {"GET", "/v1/transactions/" FAKE_GTID "/commit", "Allow: POST"},
    {"POST", "/v1/definitions/transfer", "Allow: PUT, GET, HEAD, DELETE"},
    {"OPTIONS", "/v1/definitions/validate", "Allow: POST, PUT, GET, HEAD, DELETE"},
    {"POST", "/healthz", "Allow: GET, HEAD"},
    {"HEAD", "/v1/transactions/" FAKE_GTID "/abort", "Allow: POST"},
};

START_TEST(says_which_methods_there_are)
{
    /* A path that does not take the method is 405, and Allow says what it takes. */
    REPLY_SCOPED struct reply reply = {0};
    ask(wrong_methods[_i].method, wrong_methods[_i].path, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 405);
    reply_has_header(&reply, wrong_methods[_i].allow);
}
END_TEST

START_TEST(is_alive)
{
    /* /healthz says that the process answers. */
    expect("GET", "/healthz", NULL, 200, "{\"status\":\"ok\"}");
    expect_problem("GET", "/healthz?verbose=1", NULL, NULL, 400, "unknown-parameter", "verbose");
}
END_TEST

START_TEST(is_ready_or_not)
{
    /* /readyz is 200 when the host is ready and 503 when it is not, with its details. */
    expect("GET", "/readyz", NULL, 200, "{\"ready\":true,\"journal\":{\"connected\":true}}");
    fx.fake.ready = false;
    expect("GET", "/readyz", NULL, 503, "{\"ready\":false,\"journal\"");
}
END_TEST

START_TEST(tells_its_nodes)
{
    /* /v1/nodes says who leads what, also while the host does not serve. */
    expect("GET", "/v1/nodes", NULL, 200, "\"shards\":[0]}],\"shards\":1,\"free\":[]}");
    fx.fake.loading = true;
    expect("GET", "/v1/nodes", NULL, 200, "\"shards\":[]}],\"shards\":1,\"free\":[0]}");
    expect_problem("GET", "/v1/nodes?name=x", NULL, NULL, 400, "unknown-parameter", "name");
}
END_TEST

START_TEST(tells_its_metrics)
{
    /* /metrics has the host's text with the type of its format, also while the host does not serve.
     */
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", "/metrics", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
    reply_has(&reply, "\ntroth_leading 1\n");
    fx.fake.loading = true;
    expect("GET", "/metrics", NULL, 200, "\ntroth_leading 0\n");
    expect_problem("GET", "/metrics?name=x", NULL, NULL, 400, "unknown-parameter", "name");
}
END_TEST

START_TEST(refuses_what_it_can_not_know_yet)
{
    /* Before the journal is loaded, "there is no such thing" would be a guess: 503, not 404 or 422.
     */
    fx.fake.loading = true;
    expect_problem("GET", "/v1/definitions/transfer", NULL, NULL, 503, "unavailable", "readyz");
    expect_problem("POST", "/v1/transactions", "Content-Type: application/json\r\n",
                   "{\"definition\":\"transfer\",\"input\":{}}", 503, "unavailable", "readyz");
    expect("GET", "/healthz", NULL, 200, "{\"status\":\"ok\"}");
    expect("GET", "/openapi.json", NULL, 200, "\"openapi\"");
    fx.fake.loading = false;
    expect_problem("GET", "/v1/definitions/nothing", NULL, NULL, 404, "unknown-definition",
                   "nothing");
}
END_TEST

START_TEST(the_server_refuses_in_the_same_form)
{
    /* What the server refuses by itself is problem+json too. */
    static char headers[20000] = "X: ";
    memset(headers + 3, 'x', 18000);
    strcpy(headers + 18003, "\r\n");
    expect_problem("GET", "/healthz", headers, NULL, 431, "headers-too-large", "");
    expect_problem("POST", "/v1/transactions", "Content-Length: 99999999\r\n", NULL, 413,
                   "too-large", "");
    expect_problem("GET", "/healthz", "Bad Header: x\r\n", NULL, 400, "malformed-request", "");
    static char target[6000] = "/";
    memset(target + 1, 'x', 5000);
    expect_problem("GET", target, NULL, NULL, 414, "target-too-long", "");
}
END_TEST

START_TEST(what_is_shown_is_escaped)
{
    /* What the client sent is shown as JSON text, cut where it is long. */
    char target[400] = "/v1/participants/%22%5C";
    memset(target + strlen(target), 'y', 200);
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", target, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_uint_lt(reply.body.len, 500);
    struct troth_span value;
    ck_assert_int_eq(json_check(reply.body, JSON_CHECK_UNIQUE_KEYS, &value, NULL), 0);
    expect_problem("POST", "/v1/transactions", NULL, "{\"a\\\"\\u00e9\":1}", 400, "unknown-member",
                   "/a\"\xc3\xa9: there is no such member");
}
END_TEST

#define LOOP(tests, function, table)                                                               \
    tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof(table)[0]))

Suite *router_suite(void)
{
    Suite *suite = suite_create("router");
    TCase *tests = suite_case(suite);
    LOOP(tests, says_that_there_is_no_such_path, no_paths);
    LOOP(tests, says_which_methods_there_are, wrong_methods);
    tcase_add_test(tests, is_alive);
    tcase_add_test(tests, is_ready_or_not);
    tcase_add_test(tests, tells_its_nodes);
    tcase_add_test(tests, tells_its_metrics);
    tcase_add_test(tests, refuses_what_it_can_not_know_yet);
    tcase_add_test(tests, the_server_refuses_in_the_same_form);
    tcase_add_test(tests, what_is_shown_is_escaped);
    return suite;
}
