#include <text.h>

#include <problem.h>
#include <properties.h>

#include "tests.h"

static void assert_value(const char *json, const char *want)
{
    TREE_SCOPED cJSON *tree = tree_of(span_of(json));
    BUFFER_SCOPED struct buffer text = {0};
    text_append_item(&text, tree);
    ck_assert_str_eq(buffer_text(&text), want);
}

/* As it stands in its text: a definition's, or a payload's. */
static void assert_kept(const char *json, const char *want)
{
    BUFFER_SCOPED struct buffer text = {0};
    text_append_value(&text, span_of(json));
    ck_assert_str_eq(buffer_text(&text), want);
}

/* Strings are shown unescaped, numbers of an answer exactly up to 2^53; what has its own text keeps
 * it. */
START_TEST(values)
{
    assert_value("\"a \\u20ac \\\"b\\\"\"", "a \xe2\x82\xac \"b\"");
    assert_value("9007199254740991", "9007199254740991");
    assert_value("-123456789012", "-123456789012");
    assert_value("0.5", "0.5");
    assert_value("{\"a\": [1, \"b\"]}", "{\"a\":[1,\"b\"]}");
    assert_value("true", "true");
    assert_kept("9007199254740993", "9007199254740993");
    assert_kept("{\"a\": 0.10}", "{\"a\": 0.10}");
    assert_kept("\"a \\u20ac\"", "a \xe2\x82\xac");
    BUFFER_SCOPED struct buffer text = {0};
    text_append_value(&text, (struct troth_span){NULL, 0});
    text_append_item(&text, NULL);
    ck_assert_str_eq(buffer_text(&text), "--");
}
END_TEST

/* Nothing that a participant says reaches the terminal as a command. */
START_TEST(controls_are_shown)
{
    assert_value("\"\\u001b[31mred\\u0007\"", "\\u001b[31mred\\u0007");
    assert_value("\"a\\nb\\rc\"", "a\\nb\\u000dc");
    assert_value("\"\\u009b1m\x7f\xc2\x9b\"", "\\u009b1m\\u007f\\u009b");
    assert_kept("[1,\n 2]", "[1,  2]");
    assert_kept("[\"\x7f\xc2\x9b\"]", "[\"\\u007f\\u009b\"]");
    assert_value("[\"\x7f\xc2\x9b\"]", "[\"\\u007f\\u009b\"]");
    assert_value("\"\xc2\xa0\xc3\xa4\"", "\xc2\xa0\xc3\xa4"); /* letters stay */
}
END_TEST

/* A member that is null counts as absent; so does one of what is no object. */
START_TEST(members)
{
    TREE_SCOPED cJSON *object = tree_of(span_of("{\"a\":null,\"b\":12,\"B\":13}"));
    TREE_SCOPED cJSON *list = tree_of(span_of("[1]"));
    int64_t number = 0;
    ck_assert_ptr_null(member(object, "a"));
    ck_assert_ptr_null(member(object, "c"));
    ck_assert_ptr_null(member(list, "a"));
    ck_assert_ptr_null(member(NULL, "a"));
    ck_assert(item_number(member(object, "b"), &number) && number == 12);
    ck_assert(!item_number(member(object, "c"), &number) && !item_is(NULL, ""));
    ck_assert_ptr_null(field(span_of("{\"a\":null}"), "a").data);
    ck_assert_ptr_null(field(span_of("[1]"), "a").data);
    ck_assert_ptr_null(field((struct troth_span){NULL, 0}, "a").data);
    ck_assert_uint_eq(field(span_of("{\"a\":12}"), "a").len, 2);
}
END_TEST

static void add_cell(struct table *table, const char *json)
{
    TREE_SCOPED cJSON *tree = tree_of(span_of(json));
    table_item(table, tree);
}

/* Payloads are no part of a tree, whatever is in them; everything else is. */
START_TEST(payloads_are_left_out)
{
    TREE_SCOPED cJSON *tree =
        tree_of(span_of("{\"gtid\":\"g\",\"input\":[\"\\ud800\"],\"steps\":[{\"branch\":1,"
                        "\"output\":{\"a\":\"\\udfff\"},\"state\":\"done\"},7],\"end\":true}"));
    const cJSON *step = cJSON_GetArrayItem(member(tree, "steps"), 0);
    ck_assert_ptr_null(member(tree, "input"));
    ck_assert_ptr_null(member(step, "output"));
    ck_assert(item_is(member(tree, "gtid"), "g") && cJSON_IsTrue(member(tree, "end")));
    ck_assert(item_is(member(step, "state"), "done"));
    ck_assert_int_eq(cJSON_GetArraySize(member(tree, "steps")), 2);
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
    add_cell(&table, "\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"");
    add_cell(&table, "1");
    add_cell(&table, "\"\"");
    add_cell(&table, "\"b\"");
    add_cell(&table, "1000");
    add_cell(&table, "\"no money\"");
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
    TREE_SCOPED cJSON *tree =
        tree_of(span_of("{\"ready\":true,\"journal\":{\"id\":\"ab\",\"shards\":16,"
                        "\"deep\":{\"x\":[1, 2]}},\"end\":null}"));
    properties_append(&text, tree);
    ck_assert_str_eq(buffer_text(&text), "ready           true\n"
                                         "journal.id      ab\n"
                                         "journal.shards  16\n"
                                         "journal.deep.x  [1,2]\n"
                                         "end             null\n");
}
END_TEST

static void add_fault(struct buffer *text, const char *json, const char *file)
{
    TREE_SCOPED cJSON *fault = tree_of(span_of(json));
    fault_append(text, fault, file);
}

/* A fault names file, line, column, pointer and text; what is not known is left out. */
START_TEST(faults)
{
    BUFFER_SCOPED struct buffer text = {0};
    add_fault(&text,
              "{\"pointer\":\"/steps/1\",\"line\":24,\"column\":57,"
              "\"severity\":\"error\",\"detail\":\"\\\"relase\\\" is unknown\"}",
              "order.json");
    add_fault(&text, "{\"pointer\":\"\",\"severity\":\"warning\",\"detail\":\"odd\"}",
              "order.json");
    add_fault(&text, "{\"pointer\":\"/from\",\"line\":1,\"column\":2,\"detail\":\"missing\"}",
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
    tcase_add_test(tests, payloads_are_left_out);
    tcase_add_test(tests, tables);
    tcase_add_test(tests, properties);
    tcase_add_test(tests, faults);
    return tests;
}
