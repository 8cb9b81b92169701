#include <base/json.h>

#include "tests.h"

static struct troth_span checked(const char *text)
{
    struct troth_span value;
    struct json_fault fault = {0, ""};
    ck_assert_msg(json_check(span_of(text), 0, &value, &fault) == 0, "%s: %s", text, fault.text);
    return value;
}

/* The type is told by the first byte. */
START_TEST(types)
{
    ck_assert_int_eq(json_type(span_of("null")), JSON_NULL);
    ck_assert_int_eq(json_type(span_of("false")), JSON_FALSE);
    ck_assert_int_eq(json_type(span_of("true")), JSON_TRUE);
    ck_assert_int_eq(json_type(span_of("-1")), JSON_NUMBER);
    ck_assert_int_eq(json_type(span_of("0")), JSON_NUMBER);
    ck_assert_int_eq(json_type(span_of("\"x\"")), JSON_STRING);
    ck_assert_int_eq(json_type(span_of("[]")), JSON_ARRAY);
    ck_assert_int_eq(json_type(span_of("{}")), JSON_OBJECT);
}
END_TEST

/* Walking an object gives each key with its quotes and each value byte for byte. */
START_TEST(walk_an_object)
{
    struct json_cursor cursor = json_cursor(checked(
        " { \"a\" : 1e400 ,\"b\\\"}\":[1,{\"x\":\"]}\"}],\n\"c\":\"\\\\\",\"\":{},\"d\":0.10}"));
    static const char *const want[][2] = {{"\"a\"", "1e400"},
                                          {"\"b\\\"}\"", "[1,{\"x\":\"]}\"}]"},
                                          {"\"c\"", "\"\\\\\""},
                                          {"\"\"", "{}"},
                                          {"\"d\"", "0.10"}};
    struct troth_span key, value;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        ck_assert(json_next(&cursor, &key, &value));
        assert_span_is(key, want[i][0]);
        assert_span_is(value, want[i][1]);
    }
    ck_assert(!json_next(&cursor, &key, &value));
    ck_assert(!json_next(&cursor, &key, &value));
}
END_TEST

/* Walking an array gives its values; keys are absent. */
START_TEST(walk_an_array)
{
    struct json_cursor cursor =
        json_cursor(checked("[ 9007199254740993 , \"a,]\" ,null,true, [ ] ,{\"a\":1},\"\"]"));
    static const char *const want[] = {"9007199254740993", "\"a,]\"", "null", "true", "[ ]",
                                       "{\"a\":1}",        "\"\""};
    struct troth_span key = span_of("x"), value;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        ck_assert(json_next(&cursor, &key, &value));
        assert_span_is(value, want[i]);
        ck_assert_ptr_null(key.data);
    }
    ck_assert(!json_next(&cursor, NULL, NULL));
}
END_TEST

/* What is empty, or no container at all, walks as empty. */
START_TEST(walk_nothing)
{
    static const char *const empty[] = {"[]", "{}", "[ ]", "{\n}", "12", "\"[1]\"", "null", "1"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct json_cursor cursor = json_cursor(checked(empty[i]));
        struct troth_span key, value;
        ck_assert_msg(!json_next(&cursor, &key, &value), "%s", empty[i]);
        ck_assert_msg(!json_member(checked(empty[i]), "a", &value), "%s", empty[i]);
    }
    struct json_cursor none = json_cursor((struct troth_span){NULL, 0});
    ck_assert(!json_next(&none, NULL, NULL));
}
END_TEST

/* A member is found by its unescaped name, the last of several; absent leaves the output alone. */
START_TEST(members)
{
    struct troth_span object = checked("{\"a\":1,\"b\":{\"c\":2},\"\\u0064\\n\":3,\"a\":4}");
    struct troth_span value = span_of("before");
    ck_assert(!json_member(object, "c", &value));
    ck_assert(!json_member(object, "", &value));
    ck_assert(!json_member(object, "ab", &value));
    assert_span_is(value, "before");
    ck_assert(json_member(object, "a", &value));
    assert_span_is(value, "4");
    ck_assert(json_member(object, "b", &value));
    assert_span_is(value, "{\"c\":2}");
    ck_assert(json_member_span(object, span_of("d\n"), &value));
    assert_span_is(value, "3");
    ck_assert(!json_member_span(object, span_of("\\u0064\\n"), &value));
    ck_assert(!json_member(checked("[\"a\",1]"), "a", &value));
}
END_TEST

/* Integers are read whole or not at all. */
START_TEST(integers)
{
    static const struct {
        const char *text;
        int error;
        int64_t number;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"42", 0, 42},
        {"-42", 0, -42},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", TROTH_ERROR_TOO_LARGE, 0},
        {"-9223372036854775809", TROTH_ERROR_TOO_LARGE, 0},
        {"99999999999999999999999999", TROTH_ERROR_TOO_LARGE, 0},
        {"18446744073709551617", TROTH_ERROR_TOO_LARGE, 0},
        {"1.0", TROTH_ERROR_TYPE, 0},
        {"1e3", TROTH_ERROR_TYPE, 0},
        {"99999999999999999999999999.5", TROTH_ERROR_TYPE, 0},
        {"\"1\"", TROTH_ERROR_TYPE, 0},
        {"true", TROTH_ERROR_TYPE, 0},
        {"[1]", TROTH_ERROR_TYPE, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t number = 77;
        ck_assert_msg(json_int64(checked(cases[i].text), &number) == cases[i].error, "%s",
                      cases[i].text);
        ck_assert_int_eq(number, cases[i].error == 0 ? cases[i].number : 77);
    }
}
END_TEST

/* true and false, and nothing that looks like them. */
START_TEST(booleans)
{
    bool value = false;
    ck_assert_int_eq(json_bool(checked("true"), &value), 0);
    ck_assert(value);
    ck_assert_int_eq(json_bool(checked("\"false\""), &value), TROTH_ERROR_TYPE);
    ck_assert_int_eq(json_bool(checked("null"), &value), TROTH_ERROR_TYPE);
    ck_assert_int_eq(json_bool(checked("0"), &value), TROTH_ERROR_TYPE);
    ck_assert(value);
    ck_assert_int_eq(json_bool(checked("false"), &value), 0);
    ck_assert(!value);
}
END_TEST

TCase *json_read_tests(void)
{
    TCase *tests = tcase_create("json_read");
    tcase_add_test(tests, types);
    tcase_add_test(tests, walk_an_object);
    tcase_add_test(tests, walk_an_array);
    tcase_add_test(tests, walk_nothing);
    tcase_add_test(tests, members);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, booleans);
    return tests;
}
