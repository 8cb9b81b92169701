/* Who is not known learns nothing; who is known may do what the table of routes says, and no more.
 */
#include <string.h>

#include "fixture.h"
#include <base/span.h>

#define START(name) "{\"definition\":\"" name "\",\"input\":{\"from\":1,\"amount\":1}}"
#define KNOWN       "Authorization: Bearer trk_any\r\n"

/* "/v1/definitions/{name}" -> "/v1/definitions/x" */
static void fill(const char *pattern, char ret_path[128])
{
    const char *brace = strchr(pattern, '{');
    int len = brace != NULL ? (int)(brace - pattern) : (int)strlen(pattern);
    snprintf(ret_path, 128, "%.*s%s%s", len, pattern, brace != NULL ? "x" : "",
             brace != NULL ? strchr(brace, '}') + 1 : "");
}

static int status_of(const struct api_route *route, const char *headers, const char *contains)
{
    char path[128];
    REPLY_SCOPED struct reply reply;
    fill(route->pattern, path);
    ask(route->method, path, headers, NULL, &reply);
    if (reply.status == 401)
        reply_has_header(&reply, "WWW-Authenticate: Bearer realm=\"troth\"");
    if (contains != NULL)
        reply_has(&reply, contains);
    return reply.status;
}

static void check(const struct api_route *route)
{
    char missing[64];
    const char *word = api_scope_word(route->scope);
    fx.fake.identity = (struct api_identity){.who = ""};
    bool is_open = route->scope == API_SCOPE_NONE;
    ck_assert_msg((status_of(route, NULL, NULL) == 401) != is_open, "%s %s: nobody", route->method,
                  route->pattern);
    ck_assert_msg((status_of(route, KNOWN, NULL) == 401) != is_open, "%s %s: a wrong key",
                  route->method, route->pattern);
    for (int scope = API_SCOPE_START; scope < API_SCOPE_COUNT; scope++) {
        bool may =
            is_open || route->scope == API_SCOPE_ANY || route->scope == (enum api_scope)scope;
        snprintf(missing, sizeof missing, "the scope \\\"%s\\\"", word != NULL ? word : "");
        fx.fake.identity = (struct api_identity){.who = "key:one", .scopes = API_SCOPE_BIT(scope)};
        int status = status_of(route, KNOWN, may ? NULL : missing);
        ck_assert_msg(may ? status != 401 && status != 403 : status == 403, "%s %s with %s: %d",
                      route->method, route->pattern, api_scope_word((enum api_scope)scope), status);
    }
}

START_TEST(every_route_as_every_identity)
{
    /* What each scope opens is what the table says, and nothing else. */
    struct api_route route;
    uint32_t i = 0;
    for (; api_route_at(i, &route); i++)
        check(&route);
    ck_assert_uint_gt(i, 20);
}
END_TEST

START_TEST(what_is_not_there_is_not_told_to_strangers)
{
    /* No path, and no method of a path, can be told from another one without a key. */
    expect_problem("GET", "/v1/nowhere", NULL, NULL, 401, "unauthenticated", "API key");
    expect_problem("PATCH", "/v1/definitions", NULL, NULL, 401, "unauthenticated", "API key");
    expect_problem("GET", "/v1/definitions/transfer", NULL, NULL, 401, "unauthenticated",
                   "API key");
    fx.fake.identity = (struct api_identity){.who = "key:one", .scopes = 0};
    expect_problem("GET", "/v1/nowhere", KNOWN, NULL, 404, "no-such-path", "/openapi.json");
    expect_problem("GET", "/v1/definitions/transfer", KNOWN, NULL, 403, "forbidden",
                   "the scope \"read\", which key:one does not have");
}
END_TEST

START_TEST(a_start_is_for_the_definitions_that_the_key_names)
{
    /* start:PATTERN: another definition, and an interactive transaction, are refused before it is
     * looked whether they are there. */
    fx.fake.identity = (struct api_identity){
        .who = "key:one", .scopes = API_SCOPE_BIT(API_SCOPE_START), .starts = "order_* trans*r"};
    REPLY_SCOPED struct reply reply;
    ask("POST", "/v1/transactions", KNOWN, START("transfer"), &reply);
    ck_assert_int_eq(reply.status / 100, 2);
    expect_problem("POST", "/v1/transactions", KNOWN, START("nothing_like_it"), 403, "forbidden",
                   "\"start:nothing_like_it\"");
    expect_problem("POST", "/v1/transactions", KNOWN, "{\"mode\":\"2pc\"}", 403, "forbidden",
                   "\"start\"");
}
END_TEST

START_TEST(keys_are_not_known_before_the_registry_is)
{
    /* A node that has not loaded its keys refuses nobody for good. */
    fx.fake.loading = true;
    expect_problem("GET", "/v1/definitions", KNOWN, NULL, 503, "unavailable",
                   "does not know the keys");
    expect_problem("GET", "/v1/definitions", NULL, NULL, 401, "unauthenticated", "API key");
    expect("GET", "/healthz", NULL, 200, "ok");
}
END_TEST

START_TEST(a_key_is_shown_once)
{
    /* Made, listed without itself, rotated to another one, revoked. */
    REPLY_SCOPED struct reply made, again;
    fx.fake.identity =
        (struct api_identity){.who = "uid:0", .scopes = API_SCOPE_BIT(API_SCOPE_ADMIN)};
    ask("POST", "/v1/keys", KNOWN, "{\"name\":\"billing\",\"scopes\":[\"read\",\"start:a_*\"]}",
        &made);
    ck_assert_int_eq(made.status, 201);
    reply_has(&made, "\"key\":\"trk_");
    reply_has(&made, "\"created_by\":\"uid:0\"");
    reply_has_header(&made, "Cache-Control: no-store");
    ask("GET", "/v1/keys", KNOWN, NULL, &again);
    reply_has(&again, "\"scopes\":[\"read\",\"start:a_*\"]");
    ck_assert_ptr_null(strstr(again.body.data, "trk_"));
    expect_problem("POST", "/v1/keys", KNOWN, "{\"name\":\"billing\",\"scopes\":[\"read\"]}", 409,
                   "key-exists", "billing");
    REPLY_SCOPED struct reply rotated;
    ask("POST", "/v1/keys/billing/rotate", KNOWN, NULL, &rotated);
    ck_assert_int_eq(rotated.status, 200);
    ck_assert_ptr_null(strstr(made.body.data, strstr(rotated.body.data, "trk_")));
    REPLY_SCOPED struct reply revoked;
    ask("DELETE", "/v1/keys/billing", KNOWN, NULL, &revoked);
    ck_assert_int_eq(revoked.status, 204);
    expect_problem("POST", "/v1/keys/other/rotate", KNOWN, NULL, 404, "unknown-key", "other");
}
END_TEST

static const struct {
    const char *body, *slug, *detail;
} wrong_keys[] = {
    {"{\"name\":\"a\"}", "invalid-body", "/scopes: an array"},
    {"{\"name\":\"a\",\"scopes\":[]}", "invalid-body", "/scopes: it is empty"},
    {"{\"name\":\"a\",\"scopes\":[\"\"]}", "invalid-body", "/scopes/0: \"\" is no scope"},
    {"{\"name\":\"a\",\"scopes\":[\"red\"]}", "invalid-body", "/scopes/0: \"red\" is no scope"},
    {"{\"name\":\"a\",\"scopes\":[\"read\",\"start:\"]}", "invalid-body", "/scopes/1"},
    {"{\"name\":\"a\",\"scopes\":[\"read admin\"]}", "invalid-body", "/scopes/0"},
    {"{\"name\":\"a\",\"scopes\":[\"start:A\"]}", "invalid-body", "/scopes/0"},
    {"{\"name\":\"A\",\"scopes\":[\"read\"]}", "invalid-body", "/name"},
    {"{\"name\":\"a\",\"scopes\":[\"read\"],\"expires_in\":\"soon\"}", "invalid-body",
     "/expires_in"},
};

START_TEST(refuses_a_wrong_key)
{
    /* Nothing is made of it. */
    fx.fake.identity =
        (struct api_identity){.who = "uid:0", .scopes = API_SCOPE_BIT(API_SCOPE_ADMIN)};
    expect_problem("POST", "/v1/keys", KNOWN, wrong_keys[_i].body, 400, wrong_keys[_i].slug,
                   wrong_keys[_i].detail);
    ck_assert_str_eq(fx.fake.key_name, "");
}
END_TEST

Suite *scopes_suite(void)
{
    Suite *suite = suite_create("scopes");
    TCase *tests = tcase_create("scopes");
    tcase_add_checked_fixture(tests, fixture_setup_secure, fixture_teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, every_route_as_every_identity);
    tcase_add_test(tests, what_is_not_there_is_not_told_to_strangers);
    tcase_add_test(tests, a_start_is_for_the_definitions_that_the_key_names);
    tcase_add_test(tests, keys_are_not_known_before_the_registry_is);
    tcase_add_test(tests, a_key_is_shown_once);
    tcase_add_loop_test(tests, refuses_a_wrong_key, 0,
                        (int)(sizeof wrong_keys / sizeof wrong_keys[0]));
    return suite;
}
