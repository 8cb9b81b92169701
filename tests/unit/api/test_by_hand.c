/* POST /v1/transactions/{gtid}/resolve and /forget. */
#include <string.h>

#include "fixture.h"

#define START "/v1/transactions"

START_TEST(takes_an_operators_word)
{
    /* Resolve hands over branch, word, who, why and force; 200 with how it stands. */
    expect(
        "POST", START "/" FAKE_GTID "/resolve",
        "{\"branch\":2,\"as\":\"compensated\",\"by\":\"alice@ops\",\"reason\":\"paid \\u20ac 3\","
        "\"force\":true}",
        200, "\"outcome\"");
    ck_assert_str_eq(fx.fake.asked.call, "resolve");
    ck_assert_uint_eq(fx.fake.asked.branch, 2);
    ck_assert_int_eq(fx.fake.asked.word, TXN_WORD_COMPENSATED);
    ck_assert(fx.fake.asked.force);
    ck_assert_str_eq(fx.fake.asked.by, "alice@ops");
    ck_assert_str_eq(fx.fake.asked.reason, "paid \u20ac 3");
    expect("POST", START "/" FAKE_GTID "/forget", "{\"by\":\"bob\",\"reason\":\"scrapped\"}", 200,
           "\"gtid\"");
    ck_assert_str_eq(fx.fake.asked.call, "forget");
    ck_assert_str_eq(fx.fake.asked.by, "bob");
    ck_assert(!fx.fake.asked.force);
}
END_TEST

START_TEST(what_is_unsafe_is_refused)
{
    /* 409, with what would go wrong. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_UNSAFE, "its outcome would be mixed");
    fx.fake.problem = &problem;
    expect_problem("POST", START "/" FAKE_GTID "/resolve", NULL,
                   "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"b\"}", 409, "unsafe", "mixed");
}
END_TEST

static const struct {
    const char *path, *body, *slug, *detail;
} wrong_words[] = {
    {"/resolve", "", "malformed-json", "empty"},
    {"/resolve", "{\"by\":\"a\",\"reason\":\"b\"}", "invalid-body", "/as"},
    {"/resolve", "{\"as\":\"done\",\"by\":\"a\",\"reason\":\"b\"}", "invalid-body",
     "\"committed\""},
    {"/resolve", "{\"as\":\"aborted\",\"reason\":\"b\"}", "invalid-body", "/by"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":\"a\"}", "invalid-body", "/reason"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"  \"}", "invalid-body",
     "says something"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":7,\"reason\":\"b\"}", "invalid-body", "/by"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"b\",\"branch\":0}", "invalid-body",
     "/branch"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"b\",\"force\":1}", "invalid-body",
     "/force"},
    {"/resolve", "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"b\",\"yes\":true}",
     "unknown-member", "/yes"},
    {"/forget", "{\"by\":\"a\"}", "invalid-body", "/reason"},
    {"/forget", "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"b\"}", "unknown-member", "/as"},
};

START_TEST(says_what_is_wrong_with_a_word)
{
    /* A word without who or why, or with a wrong one, is refused before the host hears of it. */
    char target[200];
    (void)snprintf(target, sizeof target, START "/" FAKE_GTID "%s", wrong_words[_i].path);
    expect_problem("POST", target, NULL, wrong_words[_i].body, 400, wrong_words[_i].slug,
                   wrong_words[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(a_reason_has_its_length)
{
    /* 500 bytes of a reason are taken, one more is not. */
    char body[700], reason[502];
    memset(reason, 'x', sizeof reason);
    reason[501] = '\0';
    (void)snprintf(body, sizeof body, "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"%s\"}",
                   reason);
    expect_problem("POST", START "/" FAKE_GTID "/resolve", NULL, body, 400, "invalid-body", "500");
    (void)snprintf(body, sizeof body, "{\"as\":\"aborted\",\"by\":\"a\",\"reason\":\"%s\"}",
                   reason + 1);
    expect("POST", START "/" FAKE_GTID "/resolve", body, 200, "\"gtid\"");
}
END_TEST

Suite *by_hand_suite(void)
{
    Suite *suite = suite_create("by_hand");
    TCase *tests = tcase_create("by_hand");
    tcase_add_checked_fixture(tests, fixture_setup, fixture_teardown);
    tcase_add_test(tests, takes_an_operators_word);
    tcase_add_test(tests, what_is_unsafe_is_refused);
    tcase_add_loop_test(tests, says_what_is_wrong_with_a_word, 0,
                        (int)(sizeof wrong_words / sizeof wrong_words[0]));
    tcase_add_test(tests, a_reason_has_its_length);
    suite_add_tcase(suite, tests);
    return suite;
}
