/* The http binding: path, headers, body; only the status decides. */
#include <stdio.h>
#include <string.h>

#include "rig.h"

static struct rig rig;

static void setup(void)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                    .base = "/bank/"};
    rig_start(&rig, &config);
}

static void teardown(void)
{
    rig_stop(&rig);
}

static int ask(const char *target, const char *body, const char **ret_answer)
{
    char headers[256];
    snprintf(headers, sizeof headers,
             "Troth-Journal: " JOURNAL "\r\nTroth-Gtid: %s\r\nTroth-Branch: 1\r\n"
             "Troth-Attempt: 1\r\nTroth-Timeout: 4.5s\r\n",
             gtid_text(1));
    return wire_ask(&rig, "POST", target, headers, body, ret_answer);
}

/* Each result has its status; vote and state travel in headers, the output is the body. */
START_TEST(statuses)
{
    const char *answer;
    ck_assert_int_eq(ask("/bank/echo/prepare", "{\"n\":0.10}", &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Vote: yes"));
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Slots: 16"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n{\"n\":0.10}"));
    ck_assert_int_eq(ask("/bank/echo/execute", "7", &answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-State: committed"));
    ck_assert_int_eq(ask("/bank/quiet/abort", NULL, &answer), 204);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-State: aborted"));
    ck_assert_int_eq(ask("/bank/no/prepare", "{}", &answer), 409);
    ck_assert_ptr_nonnull(strstr(answer, "{\"detail\":\"not \\\"today\\\"\"}"));
    ck_assert_int_eq(ask("/bank/later/prepare", "{}", &answer), 503);
    ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 2\r\n"));
    ck_assert_int_eq(ask("/bank/lost/commit", NULL, NULL), 500);
    ck_assert_int_eq(ask("/bank/spoilt/commit", NULL, NULL), 500);
}
END_TEST

/* A conflict is 503 for who knows no better, and two headers say what it is and whose lock it was.
 * How long to wait for locks, and whether the transaction goes in order, arrives as it was sent. */
START_TEST(conflict)
{
    char headers[320];
    char blocker[80];
    const char *answer;
    ck_assert_int_eq(ask("/bank/hot/prepare", "{}", &answer), 503);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Conflict: true\r\n"));
    ck_assert_ptr_null(strstr(answer, "Troth-Blocker"));
    ck_assert_ptr_nonnull(strstr(answer, "{\"detail\":\"waited 0 us\"}"));
    snprintf(headers, sizeof headers,
             "Troth-Journal: " JOURNAL "\r\nTroth-Gtid: %s\r\nTroth-Branch: 1\r\n"
             "Troth-Attempt: 2\r\nTroth-Lock-Timeout: 4.5s\r\nTroth-Ordered: true\r\n",
             gtid_text(1));
    ck_assert_int_eq(wire_ask(&rig, "POST", "/bank/hot/prepare", headers, "{}", &answer), 503);
    snprintf(blocker, sizeof blocker, "Troth-Blocker: %s\r\n", gtid_text(1));
    ck_assert_ptr_nonnull(strstr(answer, blocker));
    ck_assert_ptr_nonnull(strstr(answer, "waited 4500000 us, in order"));
}
END_TEST

/* What is not below the base, not an operation or not POST is refused by name. */
START_TEST(wrong_places)
{
    ck_assert_int_eq(ask("/echo/prepare", "{}", NULL), 404);
    ck_assert_int_eq(ask("/bank/echo", "{}", NULL), 404);
    ck_assert_int_eq(ask("/bank/echo/embrace", "{}", NULL), 404);
    ck_assert_int_eq(ask("/bank/ECHO/prepare", "{}", NULL), 404);
    ck_assert_int_eq(ask("/banker", "{}", NULL), 404);
    ck_assert_int_eq(wire_ask(&rig, "GET", "/bank", "Troth-Journal: " JOURNAL "\r\n", NULL, NULL),
                     405);
}
END_TEST

/* Headers and bodies that make no sense are 400 and reach no handler. */
START_TEST(bad_requests)
{
    static const char *const bad[] = {
        "Troth-Gtid: 0198f3a2\r\nTroth-Branch: 1\r\nTroth-Attempt: 1\r\n",
        "Troth-Branch: 1\r\nTroth-Attempt: 1\r\n",
        "Troth-Gtid: %s\r\nTroth-Attempt: 1\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: 0\r\nTroth-Attempt: 1\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: 10000\r\nTroth-Attempt: 1\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: +1\r\nTroth-Attempt: 1\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: 1\r\nTroth-Attempt: one\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: 1\r\nTroth-Attempt: 1\r\nTroth-Timeout: 5\r\n",
        "Troth-Gtid: %s\r\nTroth-Branch: 1\r\nTroth-Attempt: 1\r\nTroth-Lock-Timeout: 5\r\n",
    };
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char headers[512] = "Troth-Journal: " JOURNAL "\r\n";
        const char *gtid = strstr(bad[i], "%s");
        size_t len = strlen(headers);

        if (gtid == NULL) {
            snprintf(headers + len, sizeof headers - len, "%s", bad[i]);
        } else {
            snprintf(headers + len, sizeof headers - len, "%.*s%s%s", (int)(gtid - bad[i]), bad[i],
                     gtid_text(1), gtid + 2);
        }
        ck_assert_msg(wire_ask(&rig, "POST", "/bank/late/prepare", headers, "{}", NULL) == 400,
                      "%s", headers);
    }
    ck_assert_int_eq(ask("/bank/late/prepare", "{]", NULL), 400);
    ck_assert_uint_eq(rig.late_count, 0);
}
END_TEST

/* Where nobody must show who he is nothing is told of newer epochs: anybody may have said one. */
START_TEST(no_epoch_of_anybody)
{
    static const char newer[] = "Troth-Journal: " JOURNAL "\r\nTroth-Branch: 1\r\nTroth-Attempt: 1"
                                "\r\nTroth-Gtid: 019aa4d9-1e00-8003-8000-00c000000001\r\n";
    const char *answer;
    ck_assert_int_eq(wire_ask(&rig, "POST", "/bank/quiet/abort", newer, NULL, NULL), 204);
    ck_assert_int_eq(ask("/bank/quiet/abort", NULL, &answer), 204);
    ck_assert_ptr_null(strstr(answer, "Troth-Epoch"));
}
END_TEST

/* The batch binding is at the base itself, with and without its slash. */
START_TEST(batch_at_the_base)
{
    const char *body = line("prepare", 1, "echo", "{}");
    ck_assert_int_eq(wire_ask(&rig, "POST", "/bank", "Troth-Journal: " JOURNAL "\r\n", body, NULL),
                     200);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/bank/", "Troth-Journal: " JOURNAL "\r\n", body, NULL),
                     200);
}
END_TEST

TCase *plain_tests(void)
{
    TCase *tests = tcase_create("http binding");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, conflict);
    tcase_add_test(tests, wrong_places);
    tcase_add_test(tests, bad_requests);
    tcase_add_test(tests, no_epoch_of_anybody);
    tcase_add_test(tests, batch_at_the_base);
    return tests;
}
