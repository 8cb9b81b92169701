#include <base/span.h>

#include "tests.h"

START_TEST(absent_is_not_empty)
{
    const struct troth_span absent = {NULL, 0}, empty = {"", 0};
    ck_assert(span_same(absent, span_of(NULL)));
    ck_assert(span_same(empty, span_of("")));
    ck_assert(!span_same(absent, empty));
    ck_assert(!span_is(absent, ""));
    ck_assert(span_is(empty, ""));
}
END_TEST

START_TEST(same_bytes_are_the_same)
{
    const struct troth_span part = {"committed", 6};
    ck_assert(span_is(part, "commit"));
    ck_assert(!span_is(part, "committed"));
    ck_assert(!span_is(part, "comm"));
    ck_assert(!span_is(part, "Commit"));
    ck_assert(span_same((struct troth_span){"a\0b", 3}, (struct troth_span){"a\0b", 3}));
    ck_assert(!span_same((struct troth_span){"a\0b", 3}, (struct troth_span){"a\0c", 3}));
}
END_TEST

TCase *span_tests(void)
{
    TCase *tests = tcase_create("span");
    tcase_add_test(tests, absent_is_not_empty);
    tcase_add_test(tests, same_bytes_are_the_same);
    return tests;
}
