/* Who asks too often is told so, and nobody else is. */
#include <string.h>
#include <time.h>

#include "fixture.h"

#define KNOWN   "Authorization: Bearer trk_any\r\n"
#define BOUND_S 20
#define LIST    "/v1/definitions"

static void be(const char *who)
{
    fx.fake.identity = (struct api_identity){.scopes = who[0] != '\0' ? API_SCOPES_ALL : 0};
    strcpy(fx.fake.identity.who, who);
}

/* As often as it takes on a slow machine. */
static void ask_until(const char *target, const char *headers, int status, struct reply *ret_reply)
{
    const time_t end = time(NULL) + BOUND_S;
    while (time(NULL) <= end) {
        ask("GET", target, headers, NULL, ret_reply);
        if (ret_reply->status == status)
            return;
        reply_finish(ret_reply);
    }
    ck_abort_msg("never %d", status);
}

START_TEST(who_asks_too_often)
{
    /* 429 says whose limit it is and when to come again; nothing was done; then it goes on. */
    REPLY_SCOPED struct reply reply = {0}, again = {0};
    be("key:noisy");
    ask_until(LIST, KNOWN, 429, &reply);
    reply_has(&reply, "too-many-requests");
    reply_has(&reply, "key:noisy asks more often than 1 times a second (caller_requests_max)");
    reply_has_header(&reply, "Retry-After: 1");
    ask_until(LIST, KNOWN, 200, &again);
}
END_TEST

START_TEST(nobody_else)
{
    /* Each caller has its own; probes are everybody's. */
    for (int i = 0; i < 50; i++) {
        REPLY_SCOPED struct reply noisy = {0}, probe = {0}, other = {0};
        char who[API_WHO_MAX];
        be("key:noisy");
        ask("GET", LIST, KNOWN, NULL, &noisy);
        snprintf(who, sizeof who, "key:other_%d", i);
        be(who);
        ask("GET", LIST, KNOWN, NULL, &other);
        ck_assert_int_eq(other.status, 200);
        ask("GET", "/healthz", NULL, NULL, &probe);
        ck_assert_int_eq(probe.status, 200);
    }
}
END_TEST

START_TEST(what_is_not_there_counts)
{
    /* Guessing paths is asking, too. */
    REPLY_SCOPED struct reply reply = {0};
    be("key:noisy");
    ask_until("/v1/nothing", KNOWN, 429, &reply);
}
END_TEST

START_TEST(wrong_keys)
{
    /* Too many wrong keys from one network are slowed down; who shows none is told what is missing,
     * and a valid key is taken all the same. */
    REPLY_SCOPED struct reply wrong = {0}, none = {0}, good = {0};
    be("");
    ask_until(LIST, KNOWN, 429, &wrong);
    reply_has(&wrong, "127.0.0.1 has shown keys that are not valid here more often than 1 times");
    ask("GET", LIST, NULL, NULL, &none);
    ck_assert_int_eq(none.status, 401);
    be("key:good");
    ask("GET", LIST, KNOWN, NULL, &good);
    ck_assert_int_eq(good.status, 200);
}
END_TEST

START_TEST(counted)
{
    /* Each refusal is counted, and each wrong key. */
    REPLY_SCOPED struct reply reply = {0}, metrics = {0};
    be("");
    ask_until(LIST, KNOWN, 429, &reply);
    be("key:monitor");
    ask("GET", "/metrics", KNOWN, NULL, &metrics);
    reply_has(&metrics, "troth_limited_total{of=\"login_failures\"} 1\n");
    reply_has(&metrics, "troth_limited_total{of=\"requests\"} 0\n");
    reply_has(&metrics, "troth_login_failures_total 2\n");
}
END_TEST

Suite *limits_suite(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_add_checked_fixture(tests, fixture_setup_limited, fixture_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, who_asks_too_often);
    tcase_add_test(tests, nobody_else);
    tcase_add_test(tests, what_is_not_there_counts);
    tcase_add_test(tests, wrong_keys);
    tcase_add_test(tests, counted);
    suite_add_tcase(suite, tests);
    return suite;
}
