#include <base/number.h>

#include <inttypes.h>

#include "tests.h"

START_TEST(digits_alone_are_a_number)
{
    static const struct {
        const char *text;
        uint64_t most;
        int error;
        uint64_t number;
    } cases[] = {
        {"0", UINT64_MAX, 0, 0},
        {"007", 9, 0, 7},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, TROTH_ERROR_TOO_LARGE, UINT64_MAX},
        {"99999999999999999999999999", UINT64_MAX, TROTH_ERROR_TOO_LARGE, UINT64_MAX},
        {"300", 300, 0, 300},
        {"301", 300, TROTH_ERROR_TOO_LARGE, 300},
        {"1", 0, TROTH_ERROR_TOO_LARGE, 0},
        {"", 9, TROTH_ERROR_SYNTAX, 7},
        {"-1", 9, TROTH_ERROR_SYNTAX, 7},
        {"+1", 9, TROTH_ERROR_SYNTAX, 7},
        {" 1", 9, TROTH_ERROR_SYNTAX, 7},
        {"1 ", 9, TROTH_ERROR_SYNTAX, 7},
        {"12345x", 9, TROTH_ERROR_SYNTAX, 7},
        {"0x1", 9, TROTH_ERROR_SYNTAX, 7},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t number = 7;
        int error = number_parse(span_of(cases[i].text), cases[i].most, &number);
        ck_assert_msg(error == cases[i].error && number == cases[i].number,
                      "\"%s\": error %d, number %" PRIu64, cases[i].text, error, number);
    }
}
END_TEST

START_TEST(a_number_is_read_as_it_was_written)
{
    struct random random = {26};
    for (unsigned i = 0; i < 10000; i++) {
        char text[NUMBER_TEXT_MAX + 1];
        uint64_t number = random_next(&random) >> random_below(&random, 64), back = 0;
        number = i == 0 ? 0 : i == 1 ? UINT64_MAX : number;
        size_t len = number_format(number, text);
        ck_assert_uint_eq(len, strlen(text));
        ck_assert_int_eq(number_parse(span_of(text), UINT64_MAX, &back), 0);
        ck_assert_uint_eq(back, number);
        ck_assert(len == 1 || text[0] != '0');
    }
}
END_TEST

TCase *number_tests(void)
{
    TCase *tests = tcase_create("number");
    tcase_add_test(tests, digits_alone_are_a_number);
    tcase_add_test(tests, a_number_is_read_as_it_was_written);
    return tests;
}
