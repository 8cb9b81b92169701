/* /v1/participants. */
#include <string.h>

#include "fixture.h"

#define ALL  "/v1/participants"
#define GOOD "{\"binding\":\"batch\",\"urls\":[\"http://127.0.0.1:7101/troth\"],\"slots\":16}"

START_TEST(registers_and_changes)
{
    /* The first PUT of a name is 201, the next one 200. */
    REPLY_SCOPED struct reply reply = {0};
    ask("PUT", ALL "/bank_c", NULL, GOOD, &reply);
    ck_assert_int_eq(reply.status, 201);
    reply_has_header(&reply, "Location: /v1/participants/bank_c");
    reply_has(&reply, "{\"name\":\"bank_c\",\"binding\":\"batch\","
                      "\"urls\":[\"http://127.0.0.1:7101/troth\"],\"slots\":16,"
                      "\"status\":{\"slots\":16,\"reachable\":false}}");
    expect("PUT", ALL "/bank_c",
           "{\"name\":\"bank_c\",\"binding\":\"http\",\"urls\":[\"http://[::1]:7102\","
           "\"http://bank-c.example.com\",\"http://u_1:1/a%20b/;x=1\"]}",
           200,
           "{\"name\":\"bank_c\",\"binding\":\"http\",\"urls\":[\"http://[::1]:7102\","
           "\"http://bank-c.example.com\",\"http://u_1:1/a%20b/;x=1\"],\"status\":{");
}
END_TEST

static const struct {
    const char *body;
    int status;
    const char *slug;
    const char *detail;
} wrong[] = {
    {"{\"urls\":[\"http://a\"]}", 400, "invalid-body", "/binding: it is missing"},
    {"{\"binding\":\"grpc\",\"urls\":[\"http://a\"]}", 400, "invalid-body",
     "/binding: \"grpc\" is not \"http\" or \"batch\""},
    {"{\"binding\":\"http\"}", 400, "invalid-body", "/urls: it is missing"},
    {"{\"binding\":\"http\",\"urls\":[]}", 400, "invalid-body", "/urls: it is empty"},
    {"{\"binding\":\"http\",\"urls\":\"http://a\"}", 400, "invalid-body", "/urls: it must be"},
    {"{\"binding\":\"http\",\"urls\":[1]}", 400, "invalid-body", "/urls/0: 1 is not a string"},
    {"{\"binding\":\"http\",\"urls\":[\"http://a\"],\"slots\":0}", 400, "invalid-body",
     "/slots: 0 is not a whole number from 1 to 10000"},
    {"{\"binding\":\"http\",\"urls\":[\"http://a\"],\"slots\":10001}", 400, "invalid-body",
     "/slots: 10001"},
    {"{\"binding\":\"http\",\"urls\":[\"http://a\"],\"slot\":1}", 400, "unknown-member",
     "did you mean \"slots\"?"},
    {"{\"name\":\"bank_d\",\"binding\":\"http\",\"urls\":[\"http://a\"]}", 422, "name-mismatch",
     "the body says \"bank_d\", the path \"bank_c\""},
    {"{\"binding\":\"http\",\"urls\":[\"http://0\",\"http://1\",\"http://2\",\"http://3\","
     "\"http://4\",\"http://5\",\"http://6\",\"http://7\",\"http://8\"]}",
     400, "invalid-body", "/urls: more than 8"},
};

START_TEST(refuses_a_wrong_registration)
{
    /* A wrong registration is refused by member, and the host is not called. */
    expect_problem("PUT", ALL "/bank_c", NULL, wrong[_i].body, wrong[_i].status, wrong[_i].slug,
                   wrong[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

static const struct {
    const char *url;
    const char *detail;
} wrong_urls[] = {
    {"https://", "it has no host"},
    {"bank_a:7101", "it must begin with http://"},
    {"", "it must begin with http://"},
    {"http://", "it has no host"},
    {"http:///path", "it has no host"},
    {"http://:80", "it has no host"},
    {"http://bank:", "the port is not a number"},
    {"http://bank:0", "the port is not a number"},
    {"http://bank:65536", "the port is not a number"},
    {"http://bank:8o", "the port is not a number"},
    {"http://user:pw@bank", "a user or a password"},
    {"http://[::1", "the address in brackets"},
    {"http://[]", "the address in brackets"},
    {"http://[::1]x", "a character that may not be in a host"},
    {"http://ba nk", "a character that may not be in a host"},
    {"http://bank/a b", "a query, a fragment or a character"},
    {"http://bank/?a=1", "a query, a fragment or a character"},
    {"http://bank/#x", "a query, a fragment or a character"},
    {"http://bank/\\r\\nX:", "a query, a fragment or a character"},
    {"http://bank/\\u0000", "\\u0000 is not accepted"},
    {"http://ok", "it is there twice"},
};

START_TEST(refuses_a_wrong_url)
{
    /* A URL that cannot be called is refused with the reason and its place in the list. */
    char body[300];
    (void)snprintf(body, sizeof body, "{\"binding\":\"http\",\"urls\":[\"http://ok\",\"%s\"]}",
                   wrong_urls[_i].url);
    bool never_json = strstr(wrong_urls[_i].url, "\\u0000") != NULL;
    expect_problem("PUT", ALL "/bank_c", NULL, body, never_json ? 400 : 422,
                   never_json ? "malformed-json" : "wrong-url", wrong_urls[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(refuses_a_long_url)
{
    /* A URL beyond its limit is refused. */
    char body[700] = "{\"binding\":\"http\",\"urls\":[\"http://bank/";
    size_t at = strlen(body);
    memset(body + at, 'x', 512);
    strcpy(body + at + 512, "\"]}");
    expect_problem("PUT", ALL "/bank_c", NULL, body, 400, "invalid-body", "/urls/0: it has 524");
}
END_TEST

static const char *const wrong_token_files[] = {
    "\"\"",       "\"..\"",  "\".a\"", "\"a/b\"", "\"/etc/passwd\"",
    "\"a\\\\b\"", "\"a b\"", "7",      "null",    "[]"};

START_TEST(refuses_a_token_file_that_is_no_name)
{
    /* The token is in a file of a folder, and nothing leads out of it. */
    char body[300];
    (void)snprintf(body, sizeof body,
                   "{\"binding\":\"http\",\"urls\":[\"http://ok\"],\"token_file\":%s}",
                   wrong_token_files[_i]);
    expect_problem("PUT", ALL "/bank_c", NULL, body, 400, "invalid-body", "/token_file: the name");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(the_host_can_find_no_token)
{
    /* A file without a token is the host's to find out. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_WRONG_TOKEN_FILE, "no token in it");
    fx.fake.problem = &problem;
    expect_problem("PUT", ALL "/bank_c", NULL,
                   "{\"binding\":\"http\",\"urls\":[\"http://ok\"],\"token_file\":\"a.b\"}", 422,
                   "wrong-token-file", "no token in it");
    fx.fake.problem = NULL;
}
END_TEST

START_TEST(shows_and_lists)
{
    /* What is registered is shown with its status, and listed in pages by name. */
    expect("GET", ALL "/bank_a", NULL, 200, "\"status\":{\"slots\":16,\"reachable\":true}}");
    expect_problem("GET", ALL "/bank_x", NULL, NULL, 404, "unknown-participant",
                   "did you mean \"bank_");
    expect_problem("GET", ALL "/Bank", NULL, NULL, 400, "invalid-name", "\"Bank\"");
    expect("GET", ALL "?limit=1", NULL, 200, "}],\"cursor\":\"bank_a\"}");
    expect("GET", ALL "?limit=1&cursor=bank_a", NULL, 200,
           "{\"participants\":[{\"name\":\"bank_b\",");
    expect("GET", ALL, NULL, 200, "}],\"cursor\":null}");
    expect_problem("GET", ALL "?cursor=%2F", NULL, NULL, 400, "invalid-parameter",
                   "?cursor: \"/\"");
}
END_TEST

START_TEST(removes)
{
    /* A participant is removed: 204; one in use stays; one that is not there is 404. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_IN_USE, "open transactions have branches there");
    fx.fake.problem = &problem;
    expect_problem("DELETE", ALL "/bank_a", NULL, NULL, 409, "in-use", "branches there");
    fx.fake.problem = NULL;
    ask("DELETE", ALL "/bank_a", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 204);
    expect_problem("DELETE", ALL "/bank_a", NULL, NULL, 404, "unknown-participant", "\"bank_a\"");
}
END_TEST

START_TEST(the_host_can_refuse_to_register)
{
    /* A name that has no address is the host's to find out. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_WRONG_URL, "its name has no address");
    fx.fake.problem = &problem;
    expect_problem("PUT", ALL "/bank_c", NULL, GOOD, 422, "wrong-url", "no address");
}
END_TEST

#define LOOP(tests, function, table)                                                               \
    tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof(table)[0]))

Suite *participants_suite(void)
{
    Suite *suite = suite_create("participants");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, registers_and_changes);
    LOOP(tests, refuses_a_wrong_registration, wrong);
    LOOP(tests, refuses_a_wrong_url, wrong_urls);
    LOOP(tests, refuses_a_token_file_that_is_no_name, wrong_token_files);
    tcase_add_test(tests, the_host_can_find_no_token);
    tcase_add_test(tests, refuses_a_long_url);
    tcase_add_test(tests, shows_and_lists);
    tcase_add_test(tests, removes);
    tcase_add_test(tests, the_host_can_refuse_to_register);
    return suite;
}
