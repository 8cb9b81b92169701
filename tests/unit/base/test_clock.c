#include <base/clock.h>

#include <stdlib.h>
#include <time.h>

#include "tests.h"

static const struct {
    const char *text;
    uint64_t us;
} moments[] = {
    {"1970-01-01T00:00:00.000000Z", 0},
    {"1970-01-01T00:00:00.000001Z", 1},
    {"2000-02-29T12:00:00.000000Z", UINT64_C(951825600000000)},
    {"2026-11-21T05:34:49.112233Z", UINT64_C(1795239289112233)},
    {"2038-01-19T03:14:08.000000Z", UINT64_C(2147483648000000)},
    {"9999-12-31T23:59:59.999999Z", UINT64_C(253402300799999999)},
};

/* Known moments are written and read, whatever the time zone of the process is. */
START_TEST(known_moments)
{
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        char text[WALL_TEXT_LEN + 1];
        wall_format((struct wall){moments[i].us}, text);
        ck_assert_str_eq(text, moments[i].text);
        struct wall time = {7};
        ck_assert_int_eq(wall_parse(text, strlen(text), &time), 0);
        ck_assert_uint_eq(time.us, moments[i].us);
    }
}
END_TEST

/* The fraction may have 0 to 6 digits. */
START_TEST(short_fractions)
{
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {
        {"1970-01-01T00:00:01Z", 1000000},       {"1970-01-01T00:00:01.5Z", 1500000},
        {"1970-01-01T00:00:01.05Z", 1050000},    {"1970-01-01T00:00:01.112Z", 1112000},
        {"1970-01-01T00:00:01.00001Z", 1000010}, {"1970-01-01T00:00:01.000001Z", 1000001},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct wall time = {7};
        ck_assert_msg(wall_parse(good[i].text, strlen(good[i].text), &time) == 0, "%s",
                      good[i].text);
        ck_assert_uint_eq(time.us, good[i].us);
    }
}
END_TEST

/* Another shape, another zone, or a day that does not exist is refused. */
START_TEST(malformed_moments_are_refused)
{
    static const char *const wrong[] = {
        "",
        "Z",
        "2026-11-21",
        "2026-11-21T05:34:49",
        "2026-11-21T05:34:49z",
        "2026-11-21t05:34:49Z",
        "2026-11-21 05:34:49Z",
        "2026-11-21T05:34:49+00:00",
        "2026-11-21T05:34:49.Z",
        "2026-11-21T05:34:49.1234567Z",
        "2026-11-21T05:34:49,5Z",
        "2026-11-21T05:34:4 Z",
        "2026-11-21T05:34:49ZZ",
        "2026-13-21T05:34:49Z",
        "2026-00-21T05:34:49Z",
        "2026-02-29T05:34:49Z",
        "2026-11-31T05:34:49Z",
        "2026-11-00T05:34:49Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T05:60:00Z",
        "2026-11-21T05:34:60Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "-026-11-21T05:34:49Z",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct wall time = {7};
        ck_assert_msg(wall_parse(wrong[i], strlen(wrong[i]), &time) == TROTH_ERROR_SYNTAX,
                      "%s was accepted", wrong[i]);
        ck_assert_uint_eq(time.us, 7);
    }
}
END_TEST

/* What lies behind the year 9999 is written as its last microsecond. */
START_TEST(the_far_future_is_cut)
{
    char text[WALL_TEXT_LEN + 1];
    wall_format((struct wall){UINT64_MAX}, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999999Z");
}
END_TEST

/* Whatever is written reads back as the same. */
START_TEST(moments_round_trip)
{
    struct random random = {3};
    for (int i = 0; i < 5000; i++) {
        struct wall time = {random_below(&random, UINT64_C(253402300800000000))}, again;
        char text[WALL_TEXT_LEN + 1];
        wall_format(time, text);
        ck_assert_int_eq(wall_parse(text, WALL_TEXT_LEN, &again), 0);
        ck_assert_uint_eq(again.us, time.us);
    }
}
END_TEST

TCase *clock_tests(void)
{
    TCase *tests = tcase_create("clock");
    tcase_add_test(tests, known_moments);
    tcase_add_test(tests, short_fractions);
    tcase_add_test(tests, malformed_moments_are_refused);
    tcase_add_test(tests, the_far_future_is_cut);
    tcase_add_test(tests, moments_round_trip);
    return tests;
}
