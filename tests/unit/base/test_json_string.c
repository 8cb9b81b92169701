#include <base/json.h>

#include "tests.h"

static const struct {
    const char *json;
    const char *plain;
} strings[] = {
    {"\"\"", ""},
    {"\"abc\"", "abc"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac"},
    {"\"x\\ud83d\\ude00y\"", "x\xf0\x9f\x98\x80y"},
    {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
    {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
    {"\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80"},
    {"\"\\\\u0041\"", "\\u0041"},
};
#define STRINGS_COUNT (sizeof(strings) / sizeof(strings[0]))

/* A string comes out unescaped, behind what the buffer held. */
START_TEST(unescape)
{
    for (size_t i = 0; i < STRINGS_COUNT; i++) {
        BUFFER_SCOPED struct buffer text = {0};
        buffer_append_char(&text, '>');
        ck_assert_int_eq(json_string(span_of(strings[i].json), &text), 0);
        ck_assert_str_eq(buffer_text(&text) + 1, strings[i].plain);
    }
}
END_TEST

/* What is no string is refused by all readers of strings. */
START_TEST(only_strings)
{
    static const char *const others[] = {"1", "null", "[\"a\"]", "{\"a\":\"a\"}", "true"};
    BUFFER_SCOPED struct buffer text = {0};
    char copy[8] = "before";
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_int_eq(json_string(span_of(others[i]), &text), TROTH_ERROR_TYPE);
        ck_assert_int_eq(json_string_copy(span_of(others[i]), copy, sizeof(copy)),
                         TROTH_ERROR_TYPE);
        ck_assert(!json_string_equals(span_of(others[i]), span_of(others[i])));
    }
    ck_assert_uint_eq(text.len, 0);
    ck_assert_str_eq(copy, "before");
}
END_TEST

/* Memory that is not there is an error, not a shorter string. */
START_TEST(unescape_without_memory)
{
    BUFFER_SCOPED struct buffer text = {0};
    ck_assert(!buffer_reserve(&text, SIZE_MAX));
    ck_assert_int_eq(json_string(span_of("\"abc\""), &text), TROTH_ERROR_NO_MEMORY);
}
END_TEST

/* Equality is that of the unescaped text. */
START_TEST(equals)
{
    for (size_t i = 0; i < STRINGS_COUNT; i++) {
        for (size_t j = 0; j < STRINGS_COUNT; j++)
            ck_assert_int_eq(
                json_string_equals(span_of(strings[i].json), span_of(strings[j].plain)),
                strcmp(strings[i].plain, strings[j].plain) == 0);
    }
    ck_assert(!json_string_equals(span_of("\"abc\""), span_of("ab")));
    ck_assert(!json_string_equals(span_of("\"ab\""), span_of("abc")));
    ck_assert(!json_string_equals(span_of("\"\\u0061b\""), span_of("a")));
    ck_assert(!json_string_equals(span_of("\"\\n\""), span_of("\\n")));
    ck_assert(json_string_equals(span_of("\"\""), (struct troth_span){NULL, 0}));
}
END_TEST

/* A copy fits with its zero, or is refused and leaves the array alone. */
START_TEST(copies)
{
    for (size_t i = 0; i < STRINGS_COUNT; i++) {
        char text[64];
        size_t len = strlen(strings[i].plain);
        ck_assert_int_eq(json_string_copy(span_of(strings[i].json), text, len + 1), 0);
        ck_assert_str_eq(text, strings[i].plain);
        memcpy(text, "before", 7);
        ck_assert_int_eq(json_string_copy(span_of(strings[i].json), text, len),
                         TROTH_ERROR_TOO_LARGE);
        ck_assert_str_eq(text, "before");
    }
}
END_TEST

static void assert_appended(const char *plain, size_t len, const char *want)
{
    BUFFER_SCOPED struct buffer text = {0};
    json_append_string(&text, (struct troth_span){plain, len});
    ck_assert_str_eq(buffer_text(&text), want);
    struct troth_span value;
    ck_assert_int_eq(json_check(buffer_span(&text), 0, &value, NULL), 0);
}

/* Quotes, backslashes and control characters are escaped; everything else stays as it is. */
START_TEST(escape)
{
    assert_appended("", 0, "\"\"");
    assert_appended(NULL, 0, "\"\"");
    assert_appended("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    assert_appended("\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    assert_appended("\xc3\xa4\xf0\x9f\x98\x80", 6, "\"\xc3\xa4\xf0\x9f\x98\x80\"");
    BUFFER_SCOPED struct buffer text = {0};
    json_append_text(&text, "0123456789\n");
    ck_assert_str_eq(buffer_text(&text), "\"0123456789\\n\"");
}
END_TEST

/* What is no text becomes U+FFFD, one for each beginning of a sequence (Unicode, 3.9). */
START_TEST(escape_what_is_no_text)
{
#define R "\xef\xbf\xbd"
    assert_appended("a\0b", 3, "\"a" R "b\"");
    assert_appended("\x80", 1, "\"" R "\"");
    assert_appended("\xff\xfe", 2, "\"" R R "\"");
    assert_appended("\xc0\x80", 2, "\"" R R "\"");
    assert_appended("\xe2\x82", 2, "\"" R "\"");
    assert_appended("\xe2\x82x", 3, "\"" R "x\"");
    assert_appended("\xf0\x9f\x98\"", 4, "\"" R "\\\"\"");
    assert_appended("\xed\xa0\x80", 3, "\"" R R R "\"");
    assert_appended("\xf4\x90\x80\x80", 4, "\"" R R R R "\"");
    /* the example of the Unicode standard, table 3-11 */
    assert_appended("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 13,
                    "\"a" R R R "b" R "c" R R "d\"");
#undef R
}
END_TEST

/* A payload may hold strings that are no text: unescaped they have a U+FFFD in each place. */
START_TEST(unescape_what_is_no_text)
{
#define R "\xef\xbf\xbd"
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"a\\u0000b\"", "a" R "b"}, {"\"\\ud800\"", R},
        {"\"\\udc00\\ud83d\"", R R},  {"\"\\ud83d\\u0041\"", R "A"},
        {"\"\\ud83dx\"", R "x"},      {"\"\\ud83d\\ud83d\\ude00\"", R "\xf0\x9f\x98\x80"},
        {"\"\\ud83d\\n\"", R "\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct troth_span value, json = {cases[i].json, strlen(cases[i].json)};
        BUFFER_SCOPED struct buffer text = {0};
        ck_assert_int_eq(json_check(json, JSON_CHECK_PAYLOAD, &value, NULL), 0);
        ck_assert_int_eq(json_string(value, &text), 0);
        ck_assert_str_eq(buffer_text(&text), cases[i].text);
    }
#undef R
}
END_TEST

TCase *json_string_tests(void)
{
    TCase *tests = tcase_create("json_string");
    tcase_add_test(tests, unescape);
    tcase_add_test(tests, only_strings);
    tcase_add_test(tests, unescape_without_memory);
    tcase_add_test(tests, equals);
    tcase_add_test(tests, copies);
    tcase_add_test(tests, unescape_what_is_no_text);
    tcase_add_test(tests, escape);
    tcase_add_test(tests, escape_what_is_no_text);
    return tests;
}
