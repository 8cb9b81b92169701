#include <troth/error.h>

#include "tests.h"

/* Every code of the list has its own name, a text and the class that the list gives it. */
START_TEST(each_code_is_known)
{
#define SEE(name, code, class, text)                                                               \
    ck_assert_str_eq(troth_error_name(TROTH_ERROR_##name), #name);                                 \
    ck_assert_str_eq(troth_error_text(code), text);                                                \
    ck_assert_int_eq(troth_error_class(code), TROTH_CLASS_##class);                                \
    ck_assert_int_lt(code, 0);
    TROTH_ERRORS(SEE)
#undef SEE
}
END_TEST

/* 0 is no error. */
START_TEST(zero_is_ok)
{
    ck_assert_str_eq(troth_error_name(0), "OK");
    ck_assert_int_eq(troth_error_class(0), TROTH_CLASS_OK);
    ck_assert_str_ne(troth_error_text(0), "");
}
END_TEST

/* A code from nowhere is fatal, and still has a name and a text. */
START_TEST(other_codes_are_fatal)
{
    static const int others[] = {1, -9, -1000, 2147483647, -2147483647 - 1};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_str_eq(troth_error_name(others[i]), "?");
        ck_assert_int_eq(troth_error_class(others[i]), TROTH_CLASS_FATAL);
        ck_assert_str_ne(troth_error_text(others[i]), "");
    }
}
END_TEST

TCase *error_tests(void)
{
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, each_code_is_known);
    tcase_add_test(tests, zero_is_ok);
    tcase_add_test(tests, other_codes_are_fatal);
    return tests;
}
