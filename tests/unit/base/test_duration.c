#include <base/duration.h>

#include "tests.h"

/* Each unit, fractions and the bounds are read exactly. */
START_TEST(durations_are_read)
{
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {
        {"0s", 0},
        {"0us", 0},
        {"250us", 250},
        {"200ms", 200000},
        {"0.2s", 200000},
        {"1.5s", 1500000},
        {"1.500000000000s", 1500000},
        {"007s", 7000000},
        {"15m", UINT64_C(900000000)},
        {"2h", UINT64_C(7200000000)},
        {"0.5h", UINT64_C(1800000000)},
        {"7d", UINT64_C(604800000000)},
        {"0.00000001d", 864}, /* eight digits */
        {"0.000001s", 1},
        {"36600d", DURATION_MAX_US},
        {"3162240000s", DURATION_MAX_US},
        {"3162240000000000us", DURATION_MAX_US},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t us = 12345;
        ck_assert_msg(duration_parse(good[i].text, strlen(good[i].text), &us) == 0, "%s",
                      good[i].text);
        ck_assert_msg(us == good[i].us, "%s gave %llu", good[i].text, (unsigned long long)us);
    }
}
END_TEST

/* What has no unit, no number, another sign or less than a microsecond is no duration. */
START_TEST(malformed_durations_are_refused)
{
    static const char *const wrong[] = {
        "",     "s",    "5",     "5 s",   " 5s",        "5s ",          "-5s",   "+5s",
        "5S",   "5sec", ".5s",   "5.s",   "1.2.3s",     "1e3s",         "5m30s", "0x5s",
        "5,5s", "us",   "0.5us", "1.5us", "0.0000001s", "0.123456789d", "inf s",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t us = 12345;
        ck_assert_msg(duration_parse(wrong[i], strlen(wrong[i]), &us) == TROTH_ERROR_SYNTAX,
                      "%s was accepted", wrong[i]);
        ck_assert_uint_eq(us, 12345);
    }
    uint64_t us;
    ck_assert_int_eq(duration_parse("5s\0", 3, &us), TROTH_ERROR_SYNTAX);
}
END_TEST

/* Beyond a hundred years is too large, however many digits it has. */
START_TEST(long_durations_are_too_large)
{
    static const char *const large[] = {
        "36600.00000001d",        "36601d",
        "3162240000000001us",     "99999999999999999999999999s",
        "18446744073709551616us", "18446744073709551615d",
    };
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        uint64_t us = 12345;
        ck_assert_msg(duration_parse(large[i], strlen(large[i]), &us) == TROTH_ERROR_TOO_LARGE,
                      "%s", large[i]);
        ck_assert_uint_eq(us, 12345);
    }
}
END_TEST

/* The form written is short and as people write it. */
START_TEST(durations_are_written_short)
{
    static const struct {
        uint64_t us;
        const char *text;
    } good[] = {
        {0, "0s"},
        {1, "1us"},
        {999, "999us"},
        {1000, "1ms"},
        {1250, "1.25ms"},
        {200000, "200ms"},
        {1500000, "1.5s"},
        {4800000, "4.8s"},
        {1000001, "1.000001s"},
        {59999999, "59.999999s"},
        {UINT64_C(60000000), "1m"},
        {UINT64_C(90000000), "90s"},
        {UINT64_C(900000000), "15m"},
        {UINT64_C(3600000000), "1h"},
        {UINT64_C(86400000000), "1d"},
        {DURATION_MAX_US, "36600d"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[DURATION_TEXT_MAX];
        (void)duration_format(good[i].us, text);
        ck_assert_str_eq(text, good[i].text);
    }
}
END_TEST

/* Whatever is written reads back as the same. */
START_TEST(durations_round_trip)
{
    struct random random = {2};
    for (int i = 0; i < 5000; i++) {
        uint64_t us = random_below(&random, DURATION_MAX_US + 1) >> random_below(&random, 50);
        if (i % 3 == 0)
            us -= us % 1000000;
        char text[DURATION_TEXT_MAX];
        uint64_t again;
        (void)duration_format(us, text);
        ck_assert_msg(duration_parse(text, strlen(text), &again) == 0 && again == us,
                      "%llu was written as %s", (unsigned long long)us, text);
    }
}
END_TEST

TCase *duration_tests(void)
{
    TCase *tests = tcase_create("duration");
    tcase_add_test(tests, durations_are_read);
    tcase_add_test(tests, malformed_durations_are_refused);
    tcase_add_test(tests, long_durations_are_too_large);
    tcase_add_test(tests, durations_are_written_short);
    tcase_add_test(tests, durations_round_trip);
    return tests;
}
