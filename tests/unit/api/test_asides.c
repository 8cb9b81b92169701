/* /v1/events: what Kafka will not take. */
#include <string.h>

#include "fixture.h"

#define ALL "/v1/events"
#define ONE ALL "/5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10"

START_TEST(lists_what_was_set_aside)
{
    /* Each with where it should go, how large it is and what Kafka said; and how many there are. */
    expect("GET", ALL, NULL, 200,
           "{\"events\":[{\"id\":\"5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10\",\"gtid\":\"" FAKE_GTID
           "\",\"topic\":\"outcomes\",\"key\":\"order-1\",\"bytes\":1200345,"
           "\"made_at\":\"2026-11-21T07:34:49.200001Z\",\"set_aside_at\":null,"
           "\"reason\":\"too \\\"large\\\"\"}],\"total\":1}");
    fx.fake.events_count = 3;
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", ALL "?limit=2", NULL, NULL, &reply);
    reply_has(&reply, "\"total\":3}");
    fx.fake.events_count = 0;
    expect("GET", ALL, NULL, 200, "{\"events\":[],\"total\":0}");
    expect_problem("GET", ALL "?limit=0", NULL, NULL, 400, "invalid-parameter", "limit");
}
END_TEST

START_TEST(shows_one_byte_for_byte)
{
    /* With what it holds, as it stands in the outbox. */
    expect("GET", ONE, NULL, 200,
           "\"type\":\"t\",\"headers\":{\"ce_id\":\"x\"},\"payload\":{\"amount\":0.10}}");
}
END_TEST

START_TEST(sends_again_and_discards)
{
    /* Both answer 204; what is gone is not there. */
    expect("POST", ONE "/resend", NULL, 204, "");
    ck_assert_str_eq(fx.fake.asked.call, "event_resend");
    expect("DELETE", ONE, NULL, 204, "");
    expect_problem("DELETE", ONE, NULL, NULL, 404, "unknown-event", "no event of that id");
    expect_problem("POST", ONE "/resend", NULL, NULL, 404, "unknown-event", "no event");
    expect_problem("GET", ONE, NULL, NULL, 404, "unknown-event", "no event");
}
END_TEST

START_TEST(refuses_what_is_no_id)
{
    /* An id is a UUID in lower case. */
    static const char *const wrong[] = {"x",
                                        "5d0f4e2a",
                                        "5D0F4E2A-5a51-8c1b-9d3b-2f6f2c1a7e10",
                                        "5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e1",
                                        "5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e100",
                                        "5d0f4e2a05a51-8c1b-9d3b-2f6f2c1a7e10"};
    char target[80] = ALL "/";
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        strcpy(target + strlen(ALL "/"), wrong[i]);
        expect_problem("GET", target, NULL, NULL, 404, "unknown-event", "is not an event's id");
    }
}
END_TEST

Suite *asides_suite(void)
{
    Suite *suite = suite_create("asides");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, lists_what_was_set_aside);
    tcase_add_test(tests, shows_one_byte_for_byte);
    tcase_add_test(tests, sends_again_and_discards);
    tcase_add_test(tests, refuses_what_is_no_id);
    return suite;
}
