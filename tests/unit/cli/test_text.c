#include <text.h>

#include <problem.h>
#include <properties.h>

#include "tests.h"

static void assert_value(const char *json, const char *want)
{
    BUFFER_SCOPED struct buffer text = {0};
    text_append_value(&text, span_of(json));
    ck_assert_str_eq(buffer_text(&text), want);
}

/* Strings are shown unescaped, everything else by its own text. */
START_TEST(values)
{
    assert_value("\"a \\u20ac \\\"b\\\"\"", "a \xe2\x82\xac \"b\"");
    assert_value("9007199254740993", "9007199254740993");
    assert_value("{\"a\": 0.10}", "{\"a\": 0.10}");
    assert_value("true", "true");
    BUFFER_SCOPED struct buffer text = {0};
    text_append_value(&text, (struct troth_span){NULL, 0});
    ck_assert_str_eq(buffer_text(&text), "-");
}
END_TEST

/* Nothing that a participant says reaches the terminal as a command. */
START_TEST(controls_are_shown)
{
    assert_value("\"\\u001b[31mred\\u0007\"", "\\u001b[31mred\\u0007");
    assert_value("\"a\\nb\\rc\"", "a\\nb\\u000dc");
    assert_value("\"\\u009b1m\x7f\xc2\x9b\"", "\\u009b1m\\u007f\\u009b");
    assert_value("[1,\n 2]", "[1,  2]");
    assert_value("[\"\x7f\xc2\x9b\"]", "[\"\\u007f\\u009b\"]");
    assert_value("\"\xc2\xa0\xc3\xa4\"", "\xc2\xa0\xc3\xa4"); /* letters stay */
}
END_TEST

/* A member that is null counts as absent; so does one of what is no object. */
START_TEST(members)
{
    ck_assert_ptr_null(member(span_of("{\"a\":null}"), "a").data);
    ck_assert_ptr_null(member(span_of("[1]"), "a").data);
    ck_assert_ptr_null(member((struct troth_span){NULL, 0}, "a").data);
    ck_assert_uint_eq(member(span_of("{\"a\":12}"), "a").len, 2);
}
END_TEST

/* Columns are as wide as their widest cell, in code points; numbers stand on the right; nothing
 * trails. */
START_TEST(tables)
{
    static const char *const headings[] = {"NAME", "N", "WHY", NULL};
    TABLE_SCOPED struct table table;
    BUFFER_SCOPED struct buffer text = {0};
    table_begin(&table, 1u << 1, headings);
    table_value(&table, span_of("\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\""));
    table_value(&table, span_of("1"));
    table_value(&table, span_of("\"\""));
    table_value(&table, span_of("\"b\""));
    table_value(&table, span_of("1000"));
    table_value(&table, span_of("\"no money\""));
    table_append(&table, "  ", &text);
    ck_assert_str_eq(buffer_text(&text),
                     "  NAME       N  WHY\n"
                     "  \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4     1\n"
                     "  b       1000  no money\n");
}
END_TEST

/* Objects in objects become dotted names. */
START_TEST(properties)
{
    BUFFER_SCOPED struct buffer text = {0};
    properties_append(&text, span_of("{\"ready\":true,\"journal\":{\"id\":\"ab\",\"shards\":16,"
                                     "\"deep\":{\"x\":[1, 2]}},\"end\":null}"));
    ck_assert_str_eq(buffer_text(&text), "ready           true\n"
                                         "journal.id      ab\n"
                                         "journal.shards  16\n"
                                         "journal.deep.x  [1, 2]\n"
                                         "end             null\n");
}
END_TEST

/* A fault names file, line, column, pointer and text; what is not known is left out. */
START_TEST(faults)
{
    BUFFER_SCOPED struct buffer text = {0};
    fault_append(&text,
                 span_of("{\"pointer\":\"/steps/1\",\"line\":24,\"column\":57,"
                         "\"severity\":\"error\",\"detail\":\"\\\"relase\\\" is unknown\"}"),
                 "order.json");
    fault_append(&text, span_of("{\"pointer\":\"\",\"severity\":\"warning\",\"detail\":\"odd\"}"),
                 "order.json");
    fault_append(&text,
                 span_of("{\"pointer\":\"/from\",\"line\":1,\"column\":2,\"detail\":\"missing\"}"),
                 NULL);
    ck_assert_str_eq(buffer_text(&text), "order.json:24:57: /steps/1: \"relase\" is unknown\n"
                                         "order.json: warning: odd\n"
                                         "/from: missing\n");
}
END_TEST

TCase *text_tests(void)
{
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, values);
    tcase_add_test(tests, controls_are_shown);
    tcase_add_test(tests, members);
    tcase_add_test(tests, tables);
    tcase_add_test(tests, properties);
    tcase_add_test(tests, faults);
    return tests;
}
