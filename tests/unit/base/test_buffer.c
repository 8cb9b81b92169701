#include <base/buffer.h>

#include "tests.h"

/* All appends end up one behind the other. */
START_TEST(appends_follow_each_other)
{
    BUFFER_SCOPED struct buffer buffer = {0};
    buffer_append(&buffer, "ab", 2);
    buffer_append_char(&buffer, 'c');
    buffer_append_text(&buffer, "de");
    buffer_append_span(&buffer, span_of("f"));
    buffer_append_uint(&buffer, 0);
    buffer_append_uint(&buffer, UINT64_MAX);
    buffer_append_format(&buffer, "<%d %s>", -5, "x");
    assert_span_is(buffer_span(&buffer), "abcdef018446744073709551615<-5 x>");
    ck_assert_str_eq(buffer_text(&buffer), "abcdef018446744073709551615<-5 x>");
}
END_TEST

/* An empty buffer is an empty value: a span that is not absent, and an empty text. */
START_TEST(empty_is_not_absent)
{
    BUFFER_SCOPED struct buffer buffer = {0};
    ck_assert_ptr_nonnull(buffer_span(&buffer).data);
    ck_assert_uint_eq(buffer_span(&buffer).len, 0);
    buffer_append(&buffer, NULL, 0);
    ck_assert_str_eq(buffer_text(&buffer), "");
}
END_TEST

/* A format that is longer than the room left is written whole, whatever the room was. */
START_TEST(formats_grow_the_buffer)
{
    char fill[1024];
    memset(fill, 'x', sizeof(fill));
    for (size_t used = 0; used < 600; used += 7) {
        BUFFER_SCOPED struct buffer buffer = {0};
        buffer_append(&buffer, fill, used);
        buffer_append_format(&buffer, "%.*s|", 300, fill);
        ck_assert_uint_eq(buffer.len, used + 301);
        ck_assert_int_eq(buffer.data[buffer.len - 1], '|');
    }
}
END_TEST

/* Consuming takes from the front and keeps the rest in order. */
START_TEST(consume_takes_the_front)
{
    BUFFER_SCOPED struct buffer buffer = {0};
    buffer_consume(&buffer, 0);
    buffer_append_text(&buffer, "abcdef");
    buffer_consume(&buffer, 2);
    assert_span_is(buffer_span(&buffer), "cdef");
    buffer_consume(&buffer, 0);
    assert_span_is(buffer_span(&buffer), "cdef");
    buffer_consume(&buffer, 4);
    ck_assert_uint_eq(buffer.len, 0);
}
END_TEST

/* After a failed allocation nothing more is appended, no text is given, and clear mends it. */
START_TEST(failure_is_remembered)
{
    BUFFER_SCOPED struct buffer buffer = {0};
    buffer_append_text(&buffer, "abc");
    ck_assert(!buffer_reserve(&buffer, SIZE_MAX / 2));
    ck_assert(buffer.failed);
    buffer_append_text(&buffer, "d");
    buffer_append_char(&buffer, 'e');
    buffer_append_uint(&buffer, 1);
    buffer_append_format(&buffer, "%d", 1);
    ck_assert_uint_eq(buffer.len, 3);
    ck_assert_ptr_null(buffer_text(&buffer));
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "again");
    assert_span_is(buffer_span(&buffer), "again");
}
END_TEST

/* A finished buffer can be used again, and finished again. */
START_TEST(finished_is_empty)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "abc");
    buffer_finish(&buffer);
    buffer_finish(&buffer);
    ck_assert_uint_eq(buffer.len, 0);
    buffer_append_text(&buffer, "x");
    assert_span_is(buffer_span(&buffer), "x");
    buffer_finish(&buffer);
}
END_TEST

TCase *buffer_tests(void)
{
    TCase *tests = tcase_create("buffer");
    tcase_add_test(tests, appends_follow_each_other);
    tcase_add_test(tests, empty_is_not_absent);
    tcase_add_test(tests, formats_grow_the_buffer);
    tcase_add_test(tests, consume_takes_the_front);
    tcase_add_test(tests, failure_is_remembered);
    tcase_add_test(tests, finished_is_empty);
    return tests;
}
