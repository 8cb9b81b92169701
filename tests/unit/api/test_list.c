/* GET /v1/transactions. */
#include <string.h>
#include <time.h>

#include "fixture.h"

#define LIST "/v1/transactions"

START_TEST(an_empty_list)
{
    /* Without transactions the list is empty and has no next page; the limit is 50. */
    expect("GET", LIST, NULL, 200, "{\"transactions\":[],\"cursor\":null}");
    const struct api_list *list = &fx.fake.asked.list;
    ck_assert_uint_eq(list->limit, 50);
    ck_assert_ptr_null(list->state);
    ck_assert_ptr_null(list->outcome);
    ck_assert_ptr_null(list->definition);
    ck_assert_ptr_null(list->participant);
    ck_assert(!list->has_cursor);
    ck_assert_uint_eq(list->before.us, 0);
}
END_TEST

START_TEST(a_full_page_names_the_next)
{
    /* A full page names its last as the cursor; a page that is not full is the last. */
    REPLY_SCOPED struct reply full = {0}, rest = {0};
    fx.fake.listed = 2;
    ask("GET", LIST "?limit=2", NULL, NULL, &full);
    ck_assert_int_eq(full.status, 200);
    reply_has(&full, "}],\"cursor\":\"0198f3a2-1c40-8003-8000-040000000002\"}");
    ck_assert_ptr_null(strstr(full.body.data, "timeline"));
    ask("GET", LIST "?limit=3&cursor=0198f3a2-1c40-8003-8000-040000000002", NULL, NULL, &rest);
    reply_has(&rest, "}],\"cursor\":null}");
    ck_assert(fx.fake.asked.list.has_cursor);
    ck_assert_uint_eq(fx.fake.asked.list.cursor.bytes[15], 2);
}
END_TEST

START_TEST(a_damaged_row_spoils_nothing)
{
    /* Texts of the journal that cannot be read are shown empty and named; the list stands. Those
     * of the memory are its own, and not looked at. */
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.listed = 2;
    fx.fake.view.stored = true;
    fx.fake.view.steps = (struct troth_span){"[{\"branch\":1,", 13};
    fx.fake.origin.labels = (struct troth_span){"{\"a\":\"\xff\"}", 9};
    ask("GET", LIST "?payloads=true", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has(&reply, "\"labels\":{},\"input\":null,\"steps\":[],");
    reply_has(&reply, ",\"damaged\":[\"labels\",\"steps\"]}");
}
END_TEST

START_TEST(a_page_ends_before_it_is_too_long)
{
    /* Transactions with large outputs: the page ends, and names where the next one begins. */
    REPLY_SCOPED struct reply reply = {0};
    static char steps[3u << 20];
    memset(steps, ' ', sizeof(steps));
    steps[0] = '[';
    steps[sizeof(steps) - 1] = ']';
    fx.fake.listed = 5;
    fx.fake.view.steps = (struct troth_span){steps, sizeof(steps)};
    ask("GET", LIST "?payloads=true", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(fx.fake.given, 3); /* no more were wanted */
    ck_assert_uint_lt(reply.body.len, 3 * sizeof(steps) + 4096);
    ck_assert_uint_gt(reply.body.len, 3 * sizeof(steps));
    reply_has(&reply, "}],\"cursor\":\"0198f3a2-1c40-8003-8000-040000000003\"}");
}
END_TEST

START_TEST(payloads_are_listed_when_they_are_asked_for)
{
    /* Without the parameter neither inputs nor steps, in which the outputs are, are shown. */
    REPLY_SCOPED struct reply without = {0}, with = {0};
    fx.fake.listed = 1;
    fx.fake.origin.input = (struct troth_span){"{\"a\":1}", 7};
    ask("GET", LIST, NULL, NULL, &without);
    ck_assert(!fx.fake.asked.list.payloads);
    ck_assert_ptr_null(strstr(without.body.data, "\"steps\""));
    ck_assert_ptr_null(strstr(without.body.data, "\"input\""));
    ask("GET", LIST "?payloads=true", NULL, NULL, &with);
    ck_assert(fx.fake.asked.list.payloads);
    reply_has(&with, "\"input\":{\"a\":1},\"steps\":[");
    ck_assert_ptr_null(strstr(with.body.data, "timeline"));
}
END_TEST

START_TEST(passes_filters_on)
{
    /* Every filter reaches the host; older_than is turned into a time. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    expect("GET",
           LIST "?state=preparing&outcome=mixed&definition=transfer&participant=bank_a"
                "&older_than=5m&limit=500",
           NULL, 200, "\"transactions\"");
    const struct fake_asked *asked = &fx.fake.asked;
    ck_assert_str_eq(asked->state, "preparing");
    ck_assert_str_eq(asked->outcome, "mixed");
    ck_assert_str_eq(asked->definition, "transfer");
    ck_assert_str_eq(asked->participant, "bank_a");
    ck_assert_uint_eq(asked->list.limit, 500);
    uint64_t earliest = ((uint64_t)now.tv_sec - 300) * 1000000;
    ck_assert_uint_ge(asked->list.before.us, earliest);
    ck_assert_uint_le(asked->list.before.us, earliest + 60000000);
    expect("GET", LIST "?older_than=100000d", NULL, 400, "older_than");
    expect("GET", LIST "?older_than=36000d", NULL, 200, "\"transactions\"");
    ck_assert_uint_eq(asked->list.before.us, 1);
}
END_TEST

static const struct {
    const char *query;
    const char *slug;
    const char *detail;
} wrong_lists[] = {
    {"limit=0", "invalid-parameter", "?limit: \"0\" is not a number from 1 to 500"},
    {"limit=501", "invalid-parameter", "?limit: \"501\" is not"},
    {"limit=ten", "invalid-parameter", "?limit: \"ten\" is not"},
    {"limt=5", "unknown-parameter", "did you mean \"limit\"?"},
    {"state=prepairing", "invalid-parameter", "preparing"},
    {"outcome=none", "invalid-parameter", "?outcome: \"none\" is none of committed, aborted"},
    {"definition=Transfer", "invalid-parameter", "?definition: \"Transfer\" is not a name"},
    {"participant=", "invalid-parameter", "?participant: \"\" is not a name"},
    {"older_than=5", "invalid-parameter", "?older_than: \"5\" is not a duration"},
    {"payloads=1", "invalid-parameter", "?payloads: \"1\" is neither true nor false"},
    {"cursor=abc", "invalid-parameter", "?cursor: \"abc\" is not the \"cursor\""},
    {"a&b", "unknown-parameter", "?a:"},
    {"=x", "unknown-parameter", "?:"},
};

START_TEST(refuses_a_wrong_filter)
{
    /* A wrong filter is refused by name, and the host is not called. */
    char target[200];
    (void)snprintf(target, sizeof target, LIST "?%s", wrong_lists[_i].query);
    expect_problem("GET", target, NULL, NULL, 400, wrong_lists[_i].slug, wrong_lists[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(a_list_can_fail)
{
    /* A list that the host cannot make is refused as a whole. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "the journal cannot be asked");
    fx.fake.problem = &problem;
    expect_problem("GET", LIST, NULL, NULL, 503, "unavailable", "the journal");
}
END_TEST

Suite *list_suite(void)
{
    Suite *suite = suite_create("list");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, an_empty_list);
    tcase_add_test(tests, a_full_page_names_the_next);
    tcase_add_test(tests, a_damaged_row_spoils_nothing);
    tcase_add_test(tests, a_page_ends_before_it_is_too_long);
    tcase_add_test(tests, payloads_are_listed_when_they_are_asked_for);
    tcase_add_test(tests, passes_filters_on);
    tcase_add_loop_test(tests, refuses_a_wrong_filter, 0,
                        (int)(sizeof wrong_lists / sizeof wrong_lists[0]));
    tcase_add_test(tests, a_list_can_fail);
    return suite;
}
