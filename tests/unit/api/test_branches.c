/* Interactive transactions, and the inquiry of a branch in doubt. */
#include <string.h>

#include "fixture.h"

#define ONE "/v1/transactions/" FAKE_GTID

START_TEST(enlists)
{
    /* A branch enlists with its number, participant and operation, and may be prepared already. */
    expect("POST", ONE "/branches",
           "{\"branch\":2,\"participant\":\"bank_a\",\"operation\":\"debit\",\"prepared\":true}",
           200, "\"gtid\":\"" FAKE_GTID "\"");
    const struct fake_asked *asked = &fx.fake.asked;
    ck_assert_str_eq(asked->call, "enlist");
    ck_assert(troth_gtid_equal(&asked->gtid, &fx.fake.origin.gtid));
    ck_assert_uint_eq(asked->enlist.branch, 2);
    ck_assert(asked->enlist.prepared);
    ck_assert_str_eq(asked->participant, "bank_a");
    ck_assert_str_eq(asked->operation, "debit");
    expect("POST", ONE "/branches",
           "{\"branch\":9999,\"participant\":\"bank_b\",\"operation\":\"credit\"}", 200, "gtid");
    ck_assert(!asked->enlist.prepared);
}
END_TEST

static const struct {
    const char *body;
    int status;
    const char *slug;
    const char *detail;
} wrong_enlists[] = {
    {"", 400, "malformed-json", "the body is empty"},
    {"{\"participant\":\"bank_a\",\"operation\":\"debit\"}", 400, "invalid-body",
     "/branch: it is missing"},
    {"{\"branch\":0,\"participant\":\"bank_a\",\"operation\":\"debit\"}", 400, "invalid-body",
     "/branch: 0 is not a whole number from 1 to 9999"},
    {"{\"branch\":10000,\"participant\":\"bank_a\",\"operation\":\"debit\"}", 400, "invalid-body",
     "/branch: 10000 is not"},
    {"{\"branch\":1,\"operation\":\"debit\"}", 400, "invalid-body", "/participant: it is missing"},
    {"{\"branch\":1,\"participant\":\"bank_a\"}", 400, "invalid-body", "/operation: it is missing"},
    {"{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"a/b\"}", 400, "invalid-body",
     "/operation: \"a/b\" is not a name"},
    {"{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"debit\",\"prepared\":1}", 400,
     "invalid-body", "/prepared: 1 is not true or false"},
    {"{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"debit\",\"preparde\":true}", 400,
     "unknown-member", "did you mean \"prepared\"?"},
    {"{\"branch\":1,\"participant\":\"bank_c\",\"operation\":\"debit\"}", 422,
     "unknown-participant", "did you mean \"bank_"},
};

START_TEST(refuses_a_wrong_enlistment)
{
    /* A wrong enlistment is refused by member, and the host is not called. */
    expect_problem("POST", ONE "/branches", NULL, wrong_enlists[_i].body, wrong_enlists[_i].status,
                   wrong_enlists[_i].slug, wrong_enlists[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(the_host_refuses_an_enlistment)
{
    /* A closed transaction takes no branch: 409 in the host's words. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_WRONG_STATE, "branch 1 cannot enlist");
    fx.fake.problem = &problem;
    expect_problem("POST", ONE "/branches", NULL,
                   "{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"debit\"}", 409,
                   "wrong-state", "cannot enlist");
}
END_TEST

START_TEST(commits)
{
    /* Commit names the branches that the client knows; the body may be empty. */
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", ONE "/commit", "Prefer: wait=3\r\n", "{\"branches\":[1,2],\"reply\":\"decided\"}",
        &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Preference-Applied: wait=3");
    const struct fake_asked *asked = &fx.fake.asked;
    ck_assert_str_eq(asked->call, "commit");
    ck_assert_uint_eq(asked->count, 2);
    ck_assert_uint_eq(asked->branches[0], 1);
    ck_assert_uint_eq(asked->branches[1], 2);
    ck_assert_int_eq(asked->reply, API_REPLY_DECIDED);
    ck_assert_uint_eq(asked->wait_us, 3000000);
    expect("POST", ONE "/commit", NULL, 200, "\"committed\"");
    ck_assert_uint_eq(asked->count, 0);
    ck_assert_int_eq(asked->reply, API_REPLY_COMPLETED);
    fx.fake.view.outcome = TXN_OUTCOME_NONE;
    fx.fake.view.state = "committing";
    expect("POST", ONE "/commit", "{\"branches\":[]}", 202, "\"committing\"");
}
END_TEST

static const struct {
    const char *body;
    const char *slug;
    const char *detail;
} wrong_commits[] = {
    {"{\"branches\":1}", "invalid-body", "/branches: it must be an array"},
    {"{\"branches\":[1,0]}", "invalid-body", "/branches/1: 0 is not a branch number, 1 to 9999"},
    {"{\"branches\":[\"1\"]}", "invalid-body", "/branches/0: \"1\" is not a branch number"},
    {"{\"branches\":[3,4,3]}", "invalid-body", "/branches/2: branch 3 is named twice"},
    {"{\"branch\":[1]}", "unknown-member", "did you mean \"branches\"?"},
    {"{\"reply\":\"accepted\"}", "invalid-body", "/reply: \"accepted\" is not"},
};

START_TEST(refuses_a_wrong_commit)
{
    /* A wrong commit is refused by member, and the host is not called. */
    expect_problem("POST", ONE "/commit", NULL, wrong_commits[_i].body, 400, wrong_commits[_i].slug,
                   wrong_commits[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(refuses_too_many_branches)
{
    /* 64 branches can be named, the 65th is refused. */
    BUFFER_SCOPED struct buffer body = {0};
    buffer_append_text(&body, "{\"branches\":[1");
    for (uint32_t i = 2; i <= TROTH_BRANCHES_MAX; i++)
        buffer_append_format(&body, ",%u", i);
    size_t len = body.len;
    buffer_append_text(&body, "]}");
    expect("POST", ONE "/commit", buffer_text(&body), 200, "gtid");
    ck_assert_uint_eq(fx.fake.asked.count, TROTH_BRANCHES_MAX);
    body.len = len;
    buffer_append_text(&body, ",65]}");
    expect_problem("POST", ONE "/commit", NULL, buffer_text(&body), 422, "too-many-branches",
                   "at most 64");
}
END_TEST

START_TEST(answers_an_inquiry)
{
    /* A branch in doubt is told the decision, with who asked. */
    expect("GET", ONE "/decision?branch=1&attempt=2&journal=0123456789abcdef", NULL, 200,
           "{\"gtid\":\"" FAKE_GTID "\",\"branch\":1,\"attempt\":2,\"decision\":\"committed\","
           "\"epoch\":3}");
    ck_assert_uint_eq(fx.fake.asked.branch, 1);
    ck_assert_uint_eq(fx.fake.asked.attempt, 2);
    ck_assert_str_eq(fx.fake.asked.journal, "0123456789abcdef");
    fx.fake.answer.decision = "undecided";
    expect("GET", ONE "/decision?attempt=%31&branch=9999", NULL, 200, "\"undecided\"");
    ck_assert_str_eq(fx.fake.asked.journal, "");
}
END_TEST

static const struct {
    const char *query;
    const char *slug;
    const char *detail;
} wrong_inquiries[] = {
    {"", "invalid-parameter", "?branch: it is missing"},
    {"?branch=1", "invalid-parameter", "?attempt: it is missing"},
    {"?branch=0&attempt=1", "invalid-parameter", "?branch: \"0\" is not a number from 1 to 9999"},
    {"?branch=1&attempt=10000", "invalid-parameter", "?attempt: \"10000\" is not"},
    {"?branch=-1&attempt=1", "invalid-parameter", "?branch: \"-1\" is not"},
    {"?branch=99999999999&attempt=1", "invalid-parameter", "?branch: \"99999999999\" is not"},
    {"?branch=&attempt=1", "invalid-parameter", "?branch: \"\" is not"},
    {"?branch=1&branch=2&attempt=1", "invalid-parameter", "?branch: it is there more than once"},
    {"?branch=1&attempt=1&journal=xyz", "invalid-parameter", "?journal: \"xyz\" is not 16"},
    {"?branch=1&attempt=%4", "invalid-parameter", "?attempt: a % that"},
    {"?branch=1&atempt=1", "unknown-parameter", "did you mean \"attempt\"?"},
};

START_TEST(refuses_a_wrong_inquiry)
{
    /* A wrong inquiry is refused by parameter, and the host is not called. */
    char target[200];
    (void)snprintf(target, sizeof target, ONE "/decision%s", wrong_inquiries[_i].query);
    expect_problem("GET", target, NULL, NULL, 400, wrong_inquiries[_i].slug,
                   wrong_inquiries[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(an_inquiry_may_have_to_wait)
{
    /* While the host cannot say anything, the inquiry is refused with Retry-After. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "this node does not lead yet");
    fx.fake.problem = &problem;
    expect_problem("GET", ONE "/decision?branch=1&attempt=1", NULL, NULL, 503, "unavailable",
                   "does not lead");
}
END_TEST

#define LOOP(tests, function, table)                                                               \
    tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof(table)[0]))

Suite *branches_suite(void)
{
    Suite *suite = suite_create("branches");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, enlists);
    LOOP(tests, refuses_a_wrong_enlistment, wrong_enlists);
    tcase_add_test(tests, the_host_refuses_an_enlistment);
    tcase_add_test(tests, commits);
    LOOP(tests, refuses_a_wrong_commit, wrong_commits);
    tcase_add_test(tests, refuses_too_many_branches);
    tcase_add_test(tests, answers_an_inquiry);
    LOOP(tests, refuses_a_wrong_inquiry, wrong_inquiries);
    tcase_add_test(tests, an_inquiry_may_have_to_wait);
    return suite;
}
