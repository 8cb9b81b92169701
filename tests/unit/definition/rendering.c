/* rendering.c: templates filled from inputs and outputs, and conditions. */
#include <string.h>

#include "tests.h"

#define INPUT                                                                                      \
    "{\"id\": 9007199254740993, \"price\": 0.10, \"far\": 1e400, \"name\": \"A \\\"B\\\" "         \
    "\\u00e9\","                                                                                   \
    "\"none\": null, \"yes\": true, \"list\": [ {\"sku\": \"x\"}, 7 ], \"a.b\": 1, \"empty\": "    \
    "\"\", \"gr\xc3\xb6\xc3\x9f"                                                                   \
    "e\": 1e400, \"a/b\": false}"

static struct definition *two_steps(const char *more)
{
    struct buffer text = {0};
    buffer_append_format(&text,
                         "{\"name\":\"t\",\"version\":1,\"mode\":\"saga\",\"steps\":[{\"name\":"
                         "\"first\",\"participant\":\"p\",\"operation\":\"o\",\"compensate\":{"
                         "\"operation\":\"u\"}},{\"name\":\"second\",\"participant\":\"p\","
                         "\"operation\":\"o\",\"compensate\":{\"operation\":\"u\"}%s}]%s}",
                         more[0] == '@' ? "" : more, more[0] == '@' ? more + 1 : "");
    struct definition *definition = parsed(buffer_text(&text));
    buffer_finish(&text);
    return definition;
}

static struct definition_values values_of(const char *input, const char *first_output)
{
    struct definition_values values = {.input = span_of(input)};
    if (first_output != NULL)
        values.outputs[0] = span_of(first_output);
    return values;
}

static void renders(const char *template_text, const char *wanted)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of(INPUT, "{\"id\":\"r-1\",\"n\":5}");
    struct buffer text = {0};
    const char *path = NULL;
    int r = definition_render(definition, span_of(template_text), &values, &text, &path);
    ck_assert_msg(r == 0, "%s: %s at %s", template_text, troth_error_name(r), path);
    ck_assert_str_eq(buffer_text(&text), wanted);
    buffer_finish(&text);
    definition_destroy(definition);
}

static void fails(const char *template_text, int error, const char *wanted_path)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of(INPUT, "{\"id\":\"r-1\",\"n\":5}");
    struct buffer text = {0};
    const char *path = NULL;
    buffer_append_text(&text, "kept");
    ck_assert_int_eq(definition_render(definition, span_of(template_text), &values, &text, &path),
                     error);
    ck_assert_str_eq(path, wanted_path);
    ck_assert_str_eq(buffer_text(&text), "kept");
    buffer_finish(&text);
    definition_destroy(definition);
}

START_TEST(one_whole_expression_keeps_its_value_byte_for_byte)
{
    renders("{\"a\": \"${input.id}\", \"b\":\"${input.price}\",\"c\":\"${input.far}\"}",
            "{\"a\": 9007199254740993, \"b\":0.10,\"c\":1e400}");
    renders("[\"${input.none}\",\"${input.yes}\",\"${input.list}\",\"${input.name}\"]",
            "[null,true,[ {\"sku\": \"x\"}, 7 ],\"A \\\"B\\\" \\u00e9\"]");
    renders("\"${input}\"", INPUT);
}
END_TEST

START_TEST(inside_a_longer_string_values_become_text)
{
    renders("\"no ${input.id}: ${input.price} of ${input.name}, ${input.none} ${input.yes}\"",
            "\"no 9007199254740993: 0.10 of A \\\"B\\\" \\u00e9, null true\"");
    renders("\"${input.id}${steps.first.output.id}\"", "\"9007199254740993r-1\"");
}
END_TEST

START_TEST(paths_go_into_outputs_and_elements)
{
    renders("\"${steps.first.output}\"", "{\"id\":\"r-1\",\"n\":5}");
    renders("[\"${steps.first.output.n}\",\"${input.list.0.sku}\",\"${input.list.1}\"]",
            "[5,\"x\",7]");
}
END_TEST

START_TEST(what_is_no_expression_passes_through)
{
    renders("{\"${input.id}\" : 1, \"b\": \"$5 } { $\", \"c\": 1e400, \"d\": \"\\u00e9 \\/ $\"}",
            "{\"${input.id}\" : 1, \"b\": \"$5 } { $\", \"c\": 1e400, \"d\": \"\\u00e9 \\/ $\"}");
    renders("\"$${input.id} $$${input.id} ${input.id}\"",
            "\"${input.id} $${input.id} 9007199254740993\"");
    renders("\"\\\"${input.id}\\\\\"", "\"\\\"9007199254740993\\\\\"");
}
END_TEST

/* A JSON writer may escape what it likes; it is the same string. */
START_TEST(an_expression_is_one_however_its_string_is_escaped)
{
    renders("[\"\\u0024{input.id}\",\"$\\u007binp\\u0075t.price\\u007d\"]",
            "[9007199254740993,0.10]");
    renders("\"${input.gr\\u00f6\\u00dfe}\"", "1e400");
    renders("\"${input.a\\/b}\"", "false");
    renders("\"\\u00e9 \\\"${input.id}\\\" \\n \\/ \\ud83d\\ude00 $\\u0024{input.id}\"",
            "\"\xc3\xa9 \\\"9007199254740993\\\" \\n / \xf0\x9f\x98\x80 ${input.id}\"");
    fails("\"\\u0024{input.m\\u00e4h}\"", TROTH_ERROR_NOT_FOUND, "input.m\xc3\xa4h");
}
END_TEST

START_TEST(a_path_that_is_not_there_is_named_and_nothing_is_written)
{
    fails("{\"a\":\"${input.id}\",\"b\":\"${input.mane}\"}", TROTH_ERROR_NOT_FOUND, "input.mane");
    fails("\"${input.list.2}\"", TROTH_ERROR_NOT_FOUND, "input.list.2");
    fails("\"${input.id.deeper}\"", TROTH_ERROR_NOT_FOUND, "input.id.deeper");
    fails("\"x ${steps.second.output}\"", TROTH_ERROR_NOT_FOUND, "steps.second.output");
    fails("\"x ${input.list}\"", TROTH_ERROR_TYPE, "input.list");
}
END_TEST

/* Each is good JSON; together they are deeper than a message may be. */
START_TEST(what_no_participant_could_read_is_not_made)
{
    struct definition *definition =
        two_steps(",\"when\":{\"value\":\"${input.deep}\",\"exists\":true}");
    struct buffer input = {0}, text = {0};
    struct definition_values values;
    const char *path = NULL;
    bool there = false;
    buffer_append_text(&input, "{\"text\":\"[[[{\\\"\",\"deep\":");
    for (uint32_t i = 0; i < DEFINITION_RENDERED_DEPTH_MAX; i++)
        buffer_append_char(&input, '[');
    for (uint32_t i = 0; i < DEFINITION_RENDERED_DEPTH_MAX; i++)
        buffer_append_char(&input, ']');
    buffer_append_char(&input, '}');
    values = (struct definition_values){.input = buffer_span(&input)};
    ck_assert_int_eq(
        definition_render(definition, span_of("\"${input.deep}\""), &values, &text, NULL), 0);
    buffer_clear(&text);
    ck_assert_int_eq(definition_render(definition,
                                       span_of("{\"t\":\"${input.text}\",\"d\":\"${input.deep}\"}"),
                                       &values, &text, &path),
                     TROTH_ERROR_TOO_LARGE);
    ck_assert_str_eq(path, "input.deep");
    ck_assert_uint_eq(text.len, 0);
    /* A condition only looks at it. */
    ck_assert_int_eq(definition_when(definition, 1, &values, &there), 0);
    ck_assert(there);
    buffer_finish(&input);
    buffer_finish(&text);
    definition_destroy(definition);
}
END_TEST

START_TEST(an_absent_template_is_an_empty_object)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of("{}", NULL);
    struct buffer text = {0};
    ck_assert_int_eq(
        definition_render(definition, definition->steps[0].input, &values, &text, NULL), 0);
    ck_assert_str_eq(buffer_text(&text), "{}");
    buffer_finish(&text);
    definition_destroy(definition);
}
END_TEST

static void key_is(const char *events, int error, const char *wanted)
{
    struct definition *definition = two_steps(events);
    struct definition_values values = values_of(INPUT, NULL);
    struct buffer text = {0};
    ck_assert_int_eq(definition_render_key(definition, &values, &text), error);
    if (error == 0)
        ck_assert_str_eq(buffer_text(&text), wanted);
    else
        ck_assert_uint_eq(text.len, 0);
    buffer_finish(&text);
    definition_destroy(definition);
}

START_TEST(an_event_key_is_plain_text_or_left_to_the_gtid)
{
    key_is("@,\"events\":{\"key\":\"${input.id}\"}", 0, "9007199254740993");
    key_is("@,\"events\":{\"key\":\"k ${input.name}\"}", 0, "k A \"B\" \xc3\xa9");
    key_is("@", TROTH_ERROR_NOT_FOUND, NULL);
    key_is("@,\"events\":{\"key\":\"${input.none}\"}", TROTH_ERROR_NOT_FOUND, NULL);
    key_is("@,\"events\":{\"key\":\"${input.empty}\"}", TROTH_ERROR_NOT_FOUND, NULL);
    key_is("@,\"events\":{\"key\":\"${input.missing}\"}", TROTH_ERROR_NOT_FOUND, NULL);
    key_is("@,\"events\":{\"key\":\"${input.list}\"}", TROTH_ERROR_TYPE, NULL);
}
END_TEST

static bool runs(const char *when)
{
    struct buffer more = {0};
    bool out = false;
    buffer_append_format(&more, ",\"when\":%s", when);
    struct definition *definition = two_steps(buffer_text(&more));
    struct definition_values values = values_of(INPUT, "{\"id\":\"r-1\",\"n\":5}");
    ck_assert_int_eq(definition_when(definition, 1, &values, &out), 0);
    buffer_finish(&more);
    definition_destroy(definition);
    return out;
}

START_TEST(a_condition_compares_values_and_takes_what_is_missing_for_null)
{
    ck_assert(runs("{\"value\":\"${input.name}\",\"not_equals\":null}"));
    ck_assert(!runs("{\"value\":\"${input.none}\",\"not_equals\":null}"));
    ck_assert(!runs("{\"value\":\"${input.missing}\",\"not_equals\":null}"));
    ck_assert(runs("{\"value\":\"${input.missing}\",\"equals\":null}"));
    ck_assert(runs("{\"value\":\"${input.none}\",\"exists\":true}"));
    ck_assert(!runs("{\"value\":\"${input.missing}\",\"exists\":true}"));
    ck_assert(runs("{\"value\":\"${input.missing}\",\"exists\":false}"));
    ck_assert(runs("{\"value\":\"${input.price}\",\"equals\":0.1}"));
    ck_assert(!runs("{\"value\":\"${input.id}\",\"equals\":9007199254740992}"));
    ck_assert(runs("{\"value\":\"${input.list.0}\",\"equals\":{\"sku\":\"\\u0078\"}}"));
    ck_assert(runs("{\"value\":\"${steps.first.output.n}\",\"not_equals\":\"${input.id}\"}"));
}
END_TEST

TCase *tests_of_rendering(void)
{
    TCase *tests = tcase_create("rendering");
    tcase_add_test(tests, one_whole_expression_keeps_its_value_byte_for_byte);
    tcase_add_test(tests, inside_a_longer_string_values_become_text);
    tcase_add_test(tests, paths_go_into_outputs_and_elements);
    tcase_add_test(tests, what_is_no_expression_passes_through);
    tcase_add_test(tests, an_expression_is_one_however_its_string_is_escaped);
    tcase_add_test(tests, a_path_that_is_not_there_is_named_and_nothing_is_written);
    tcase_add_test(tests, what_no_participant_could_read_is_not_made);
    tcase_add_test(tests, an_absent_template_is_an_empty_object);
    tcase_add_test(tests, an_event_key_is_plain_text_or_left_to_the_gtid);
    tcase_add_test(tests, a_condition_compares_values_and_takes_what_is_missing_for_null);
    return tests;
}
