/* test_inputs.c: inputs against input_schema: one line of faults a case. */
#include <string.h>

#include "tests.h"

/* The faults of an input, one a line; "" when it fits. */
static void faults_are(const char *schema, const char *input, const char *wanted)
{
    struct buffer text = {0};
    struct faults faults = {0};
    buffer_append_format(&text,
                         "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"input_schema\":%s,"
                         "\"steps\":[{\"name\":\"a\",\"participant\":\"p\",\"operation\":\"o\"}]}",
                         schema);
    struct definition *definition = parsed(buffer_text(&text));
    int r = definition_check_input(definition, span_of(input), &faults);
    buffer_clear(&text);
    faults_format(&faults, "i", &text);
    buffer_append_char(&text, '\0');
    ck_assert_str_eq(text.data, wanted);
    ck_assert_int_eq(r, wanted[0] == '\0' ? 0 : TROTH_ERROR_INVALID);
    faults_finish(&faults);
    buffer_finish(&text);
    definition_destroy(definition);
}

static void fits(const char *schema, const char *input)
{
    faults_are(schema, input, "");
}

START_TEST(types_are_those_of_json_schema)
{
    fits("{\"type\":\"integer\"}", "1.0");
    fits("{\"type\":\"integer\"}", "1e400");
    fits("{\"type\":\"integer\"}", "-0.0e-5");
    fits("{\"type\":\"integer\"}", "12.50e1");
    fits("{\"type\":\"number\"}", "7");
    fits("{\"type\":[\"string\",\"null\"]}", "null");
    faults_are("{\"type\":\"integer\"}", "1.5", "i:1:1: must be integer, and is number 1.5\n");
    faults_are("{\"type\":\"integer\"}", "12.505e2",
               "i:1:1: must be integer, and is number 12.505e2\n");
    faults_are("{\"type\":[\"string\",\"null\"]}", "7",
               "i:1:1: must be string or null, and is integer 7\n");
    faults_are("{\"type\":\"boolean\"}", "\"true\"",
               "i:1:1: must be boolean, and is string \"true\"\n");
}
END_TEST

START_TEST(numbers_compare_exactly_as_decimals)
{
    fits("{\"maximum\":9007199254740993}", "9007199254740993");
    faults_are("{\"maximum\":9007199254740992}", "9007199254740993",
               "i:1:1: must be at most 9007199254740992, and is 9007199254740993\n");
    faults_are("{\"minimum\":1e400}", "9e399", "i:1:1: must be at least 1e400, and is 9e399\n");
    fits("{\"minimum\":1e400}", "10e399");
    fits("{\"minimum\":-1.5,\"maximum\":-1.5}", "-15e-1");
    faults_are("{\"minimum\":-1.5}", "-1.50001", "i:1:1: must be at least -1.5, and is -1.50001\n");
    faults_are("{\"exclusiveMinimum\":0}", "-0", "i:1:1: must be above 0, and is -0\n");
    fits("{\"exclusiveMinimum\":0}", "1e-400");
    faults_are("{\"exclusiveMaximum\":10}", "10.0", "i:1:1: must be below 10, and is 10.0\n");
    fits("{\"exclusiveMaximum\":0.1}", "0.0999999999999999999999999999999999999999");
    fits("{\"const\":1}", "1.0");
    faults_are("{\"const\":9007199254740992}", "9007199254740993",
               "i:1:1: must be 9007199254740992, and is 9007199254740993\n");
}
END_TEST

START_TEST(multiples_are_of_any_length)
{
    fits("{\"multipleOf\":7}", "700000000000000000000000000000000000000000007");
    faults_are("{\"multipleOf\":7}", "700000000000000000000000000000000000000000008",
               "i:1:1: must be a multiple of 7, and is "
               "700000000000000000000000000000000000000000008\n");
    fits("{\"multipleOf\":5}", "1e1000000000000000000000000");
    fits("{\"multipleOf\":4294967295}", "8589934590");
    faults_are("{\"multipleOf\":3}", "1e30", "i:1:1: must be a multiple of 3, and is 1e30\n");
    faults_are("{\"multipleOf\":1}", "0.5", "i:1:1: must be a multiple of 1, and is 0.5\n");
}
END_TEST

START_TEST(lengths_count_code_points)
{
    fits("{\"maxLength\":2}", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    fits("{\"maxLength\":2,\"minLength\":2}", "\"\\ud83d\\ude00\\n\"");
    faults_are("{\"maxLength\":1}", "\"ab\"", "i:1:1: must have at most 1 characters, and has 2\n");
    faults_are("{\"minLength\":1}", "\"\"", "i:1:1: must have at least 1 characters, and has 0\n");
    faults_are("{\"maxItems\":1}", "[1,2]", "i:1:1: must have at most 1 elements, and has 2\n");
    faults_are("{\"minItems\":1}", "[]", "i:1:1: must have at least 1 elements, and has 0\n");
}
END_TEST

START_TEST(objects_say_every_fault_with_its_pointer)
{
    const char *schema =
        "{\"type\":\"object\",\"required\":[\"from\",\"to\",\"amount\"],\"additionalProperties\":"
        "false,\"properties\":{\"from\":{\"type\":\"integer\"},\"to\":{\"type\":\"integer\"},"
        "\"amount\":{\"type\":\"integer\",\"minimum\":1},\"tags\":{\"type\":\"array\",\"items\":"
        "{\"type\":\"string\"}}}}";
    fits(schema, "{\"from\":1,\"to\":2,\"amount\":3,\"tags\":[\"a\"]}");
    faults_are(schema, "{\n \"from\": \"7\",\n \"ammount\": 0, \"to\": 9,\n \"tags\": [\"a\", 5] }",
               "i:1:1: \"amount\" is missing\n"
               "i:2:10: /from: must be integer, and is string \"7\"\n"
               "i:3:2: /ammount: unknown field \"ammount\"; did you mean \"amount\"?\n"
               "i:4:16: /tags/1: must be string, and is integer 5\n");
    faults_are(schema, "[]", "i:1:1: must be object, and is array []\n");
}
END_TEST

START_TEST(further_members_follow_additional_properties)
{
    const char *schema = "{\"additionalProperties\":{\"type\":\"boolean\"},\"properties\":{\"a\":"
                         "true,\"b\":false}}";
    fits(schema, "{\"a\":1,\"c\":true}");
    faults_are(schema, "{\"c\":1,\"b\":2}",
               "i:1:6: /c: must be boolean, and is integer 1\ni:1:12: /b: nothing may stand "
               "here\n");
    fits("{\"properties\":{\"a\":{}}}", "{\"z\":1}");
}
END_TEST

START_TEST(enum_and_const_compare_deeply)
{
    const char *schema = "{\"enum\":[\"a\",{\"x\":[1,2],\"y\":null},7.0]}";
    fits(schema, "{\"y\":null,\"x\":[1.0,2]}");
    fits(schema, "\"\\u0061\"");
    fits(schema, "7");
    faults_are(schema, "{\"x\":[2,1],\"y\":null}",
               "i:1:1: {\"x\":[2,1],\"y\":null} is none of "
               "[\"a\",{\"x\":[1,2],\"y\":null},7.0]\n");
}
END_TEST

START_TEST(a_keyword_for_another_type_is_passed_over)
{
    fits("{\"minimum\":5,\"maxLength\":1,\"required\":[\"a\"],\"maxItems\":0}", "true");
}
END_TEST

START_TEST(without_a_schema_every_input_fits)
{
    struct definition *definition =
        parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[{\"name\":\"a\","
               "\"participant\":\"p\",\"operation\":\"o\"}]}");
    struct faults faults = {0};
    ck_assert_int_eq(definition_check_input(definition, span_of("[1]"), &faults), 0);
    ck_assert_uint_eq(faults.count, 0);
    definition_destroy(definition);
}
END_TEST

/* What the coordinator takes at most, also where a default is more; 0 takes any. */
START_TEST(timeouts_have_a_longest)
{
    const uint64_t second = 1000000;
    struct definition *definition =
        parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\n\"timeout\":\"2h\","
               "\"steps\":[{\"name\":\"a\",\"participant\":\"p\",\"operation\":\"o\"}]}");
    struct faults faults = {0};
    ck_assert_int_eq(definition_check_timeouts(definition, 0, 0, &faults), 0);
    ck_assert_int_eq(definition_check_timeouts(definition, 7200 * second, 10 * second, &faults), 0);
    ck_assert_int_eq(definition_check_timeouts(definition, 7199 * second, 9 * second, &faults),
                     TROTH_ERROR_INVALID);
    ck_assert_uint_eq(faults.errors, 2);
    BUFFER_SCOPED struct buffer text = {0};
    faults_format(&faults, "d", &text);
    ck_assert_str_eq(buffer_text(&text),
                     "d:1:1: prepare_timeout: 10s is longer than the coordinator's "
                     "prepare_timeout_max, 9s\n"
                     "d:2:11: /timeout: timeout: 2h is longer than the coordinator's timeout_max, "
                     "7199s\n");
    faults_finish(&faults);
    definition_destroy(definition);
}
END_TEST

TCase *tests_of_inputs(void)
{
    TCase *tests = tcase_create("inputs");
    tcase_add_test(tests, types_are_those_of_json_schema);
    tcase_add_test(tests, numbers_compare_exactly_as_decimals);
    tcase_add_test(tests, multiples_are_of_any_length);
    tcase_add_test(tests, lengths_count_code_points);
    tcase_add_test(tests, objects_say_every_fault_with_its_pointer);
    tcase_add_test(tests, further_members_follow_additional_properties);
    tcase_add_test(tests, enum_and_const_compare_deeply);
    tcase_add_test(tests, a_keyword_for_another_type_is_passed_over);
    tcase_add_test(tests, without_a_schema_every_input_fits);
    tcase_add_test(tests, timeouts_have_a_longest);
    return tests;
}
