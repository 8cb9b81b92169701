/* test_rendering.c: templates filled from inputs and outputs, and conditions. */
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

static int render(const struct definition *definition, struct troth_span template_text,
                  struct definition_values *values, struct buffer *text, const char **why)
{
    struct template *template;
    ck_assert_int_eq(template_create(definition, template_text, &template), 0);
    int error = definition_render(definition, template, values, text, why);
    template_destroy(template);
    return error;
}

static void renders(const char *template_text, const char *wanted)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of(INPUT, "{\"id\":\"r-1\",\"n\":5}");
    struct buffer text = {0};
    const char *why = NULL;
    int r = render(definition, span_of(template_text), &values, &text, &why);
    ck_assert_msg(r == 0, "%s: %s: %s", template_text, troth_error_name(r), why);
    ck_assert_str_eq(buffer_text(&text), wanted);
    definition_values_finish(&values);
    buffer_finish(&text);
    definition_destroy(definition);
}

static void fails(const char *template_text, int error, const char *wanted_why)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of(INPUT, "{\"id\":\"r-1\",\"n\":5}");
    struct buffer text = {0};
    const char *why = NULL;
    buffer_append_text(&text, "kept");
    ck_assert_int_eq(render(definition, span_of(template_text), &values, &text, &why), error);
    ck_assert_str_eq(why, wanted_why);
    ck_assert_str_eq(buffer_text(&text), "kept");
    definition_values_finish(&values);
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
    fails("\"\\u0024{input.m\\u00e4h}\"", TROTH_ERROR_NOT_FOUND,
          "${input.m\xc3\xa4h} is not there");
}
END_TEST

START_TEST(a_path_that_is_not_there_is_named_and_nothing_is_written)
{
    fails("{\"a\":\"${input.id}\",\"b\":\"${input.mane}\"}", TROTH_ERROR_NOT_FOUND,
          "${input.mane} is not there");
    fails("\"${input.list.2}\"", TROTH_ERROR_NOT_FOUND, "${input.list.2} is not there");
    fails("\"${input.id.deeper}\"", TROTH_ERROR_NOT_FOUND, "${input.id.deeper} is not there");
    fails("\"x ${steps.second.output}\"", TROTH_ERROR_NOT_FOUND,
          "${steps.second.output} is not there");
    fails("\"x ${input.list}\"", TROTH_ERROR_TYPE,
          "${input.list} is an object or a list, and stands inside a longer text");
}
END_TEST

/* Each is good JSON; together they are deeper than a message may be. */
START_TEST(what_no_participant_could_read_is_not_made)
{
    struct definition *definition =
        two_steps(",\"when\":{\"value\":\"${input.deep}\",\"exists\":true}");
    struct buffer input = {0}, text = {0};
    struct definition_values values;
    const char *why = NULL;
    bool there = false;
    buffer_append_text(&input, "{\"text\":\"[[[{\\\"\",\"deep\":");
    for (uint32_t i = 0; i < DEFINITION_RENDERED_DEPTH_MAX; i++)
        buffer_append_char(&input, '[');
    for (uint32_t i = 0; i < DEFINITION_RENDERED_DEPTH_MAX; i++)
        buffer_append_char(&input, ']');
    buffer_append_char(&input, '}');
    values = (struct definition_values){.input = buffer_span(&input)};
    ck_assert_int_eq(render(definition, span_of("\"${input.deep}\""), &values, &text, NULL), 0);
    buffer_clear(&text);
    ck_assert_int_eq(render(definition,
                            span_of("{\"t\":\"${input.text}\",\"d\":\"${input.deep}\"}"), &values,
                            &text, &why),
                     TROTH_ERROR_TOO_LARGE);
    ck_assert_str_eq(why, "${input.deep} makes the input nested too deep for a message");
    ck_assert_uint_eq(text.len, 0);
    /* A condition only looks at it. */
    ck_assert_int_eq(definition_when(definition, 1, &values, &there, NULL), 0);
    ck_assert(there);
    definition_values_finish(&values);
    buffer_finish(&input);
    buffer_finish(&text);
    definition_destroy(definition);
}
END_TEST

/* `times` times the whole input, in a list. */
static void again_and_again(struct buffer *text, size_t times)
{
    buffer_append_text(text, "[\"${input.text}\"");
    for (size_t i = 1; i < times; i++)
        buffer_append_text(text, ",\"${input.text}\"");
    buffer_append_char(text, ']');
}

static void long_input(struct buffer *input, size_t bytes)
{
    buffer_append_text(input, "{\"text\":\"");
    for (size_t i = 0; i < bytes; i++)
        buffer_append_char(input, 'x');
    buffer_append_text(input, "\"}");
}

START_TEST(an_input_has_a_limit_whatever_the_template_says)
{
    struct definition *definition = two_steps("");
    struct buffer template_text = {0}, input = {0}, text = {0};
    const char *why = NULL;
    again_and_again(&template_text, 3000);
    long_input(&input, 100000);
    struct definition_values values = {.input = buffer_span(&input)};
    ck_assert_int_eq(render(definition, buffer_span(&template_text), &values, &text, &why),
                     TROTH_ERROR_TOO_LARGE);
    ck_assert_str_eq(why, "with ${input.text} the input has more than 524288 bytes");
    ck_assert_uint_eq(text.len, 0);
    ck_assert_uint_le(text.cap, 1u << 20);
    definition_values_finish(&values);
    buffer_finish(&template_text);
    buffer_finish(&input);
    buffer_finish(&text);
    definition_destroy(definition);
}
END_TEST

/* A saga of one step, `members` of it before an input (or whatever it is called) that has the
 * input's text of so many bytes so many times: what it is refused for before it begins; NULL:
 * nothing. */
static void sizes_are(const char *members, const char *behind, size_t times, const char *wanted)
{
    struct buffer text = {0}, input = {0};
    const char *why = NULL;
    uint32_t step = 99;
    buffer_append_format(&text,
                         "{\"name\":\"t\",\"version\":1,\"mode\":\"saga\",\"steps\":[{\"name\":"
                         "\"a\",\"participant\":\"p\",\"operation\":\"o\"},{\"name\":\"b\","
                         "\"participant\":\"p\",\"operation\":\"o\"%s,\"input\":",
                         members);
    again_and_again(&text, times);
    buffer_append_format(&text, "%s}]}", behind);
    struct definition *definition = parsed(buffer_text(&text));
    long_input(&input, 100000);
    int error = definition_check_sizes(definition, buffer_span(&input), &step, &why);
    ck_assert_int_eq(error, wanted == NULL ? 0 : TROTH_ERROR_TOO_LARGE);
    if (wanted != NULL) {
        ck_assert_str_eq(why, wanted);
        ck_assert_uint_eq(step, 1);
    }
    buffer_finish(&text);
    buffer_finish(&input);
    definition_destroy(definition);
}

START_TEST(what_is_too_large_is_known_before_anything_begins)
{
    static const char too_large[] = "with ${input.text} the input has more than 524288 bytes";
    sizes_are("", "", 5, NULL);
    sizes_are("", "", 6, too_large);
    /* A compensation that cannot be sent would park what it should undo. */
    sizes_are(",\"compensate\":{\"operation\":\"u\"", "}", 5, NULL);
    sizes_are(",\"compensate\":{\"operation\":\"u\"", "}", 6, too_large);
    /* A step that does not run needs no room; one of which that is not known is looked at later. */
    sizes_are(",\"when\":{\"value\":\"${input.none}\",\"exists\":true}", "", 6, NULL);
    sizes_are(",\"when\":{\"value\":\"${input.text}\",\"exists\":true}", "", 6, too_large);
    sizes_are(",\"when\":{\"value\":\"${steps.a.output}\",\"exists\":true}", "", 6, NULL);
}
END_TEST

START_TEST(the_steps_of_a_transaction_have_a_limit_together)
{
    struct buffer text = {0}, input = {0};
    const char *why = NULL;
    uint32_t step = 99;
    buffer_append_text(&text, "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[");
    for (uint32_t i = 0; i < 9; i++)
        buffer_append_format(&text,
                             "%s{\"name\":\"s%u\",\"participant\":\"p%u\",\"operation\":\"o\","
                             "\"input\":\"${input}\"}",
                             i > 0 ? "," : "", i, i);
    buffer_append_text(&text, "]}");
    struct definition *definition = parsed(buffer_text(&text));
    long_input(&input, DEFINITION_RENDERED_BYTES_MAX - 20);
    ck_assert_int_eq(definition_check_sizes(definition, buffer_span(&input), &step, &why),
                     TROTH_ERROR_TOO_LARGE);
    ck_assert_str_eq(why, DEFINITION_RENDERED_ALL_WORDS);
    ck_assert_uint_eq(step, 8); /* eight have room */
    buffer_finish(&text);
    buffer_finish(&input);
    definition_destroy(definition);
}
END_TEST

/* Lists that are equal but for their last value: all of both has to be looked at. */
static void list_of(struct buffer *text, size_t count)
{
    buffer_append_char(text, '[');
    for (size_t i = 0; i < count; i++)
        buffer_append_text(text, "1,");
    buffer_append_text(text, "1.0]");
}

START_TEST(a_condition_does_not_compare_without_end)
{
    struct definition *definition =
        two_steps(",\"when\":{\"value\":\"${input.a}\",\"equals\":\"${input.b}\"}");
    struct buffer input = {0};
    const char *why = NULL;
    bool out = false;
    buffer_append_text(&input, "{\"a\":");
    list_of(&input, DEFINITION_COMPARED_VALUES_MAX);
    buffer_append_text(&input, ",\"b\":");
    list_of(&input, DEFINITION_COMPARED_VALUES_MAX);
    buffer_append_char(&input, '}');
    struct definition_values values = {.input = buffer_span(&input)};
    ck_assert_int_eq(definition_when(definition, 1, &values, &out, &why), TROTH_ERROR_TOO_LARGE);
    ck_assert_str_eq(why, "a condition compares values that are too large");
    definition_values_finish(&values);
    /* Where they differ soon, or in how many there are, nothing is too large. */
    buffer_clear(&input);
    buffer_append_text(&input, "{\"a\":");
    list_of(&input, 2 * DEFINITION_COMPARED_VALUES_MAX);
    buffer_append_text(&input, ",\"b\":[]}");
    values = (struct definition_values){.input = buffer_span(&input)};
    ck_assert_int_eq(definition_when(definition, 1, &values, &out, &why), 0);
    ck_assert(!out);
    definition_values_finish(&values);
    buffer_finish(&input);
    definition_destroy(definition);
}
END_TEST

START_TEST(an_absent_template_is_an_empty_object)
{
    struct definition *definition = two_steps("");
    struct definition_values values = values_of("{}", NULL);
    struct buffer text = {0};
    ck_assert_int_eq(definition_render(definition, definition->steps[0].made, &values, &text, NULL),
                     0);
    ck_assert_str_eq(buffer_text(&text), "{}");
    definition_values_finish(&values);
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
    definition_values_finish(&values);
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
    ck_assert_int_eq(definition_when(definition, 1, &values, &out, NULL), 0);
    definition_values_finish(&values);
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
    tcase_add_test(tests, an_input_has_a_limit_whatever_the_template_says);
    tcase_add_test(tests, what_is_too_large_is_known_before_anything_begins);
    tcase_add_test(tests, the_steps_of_a_transaction_have_a_limit_together);
    tcase_add_test(tests, a_condition_does_not_compare_without_end);
    tcase_add_test(tests, an_absent_template_is_an_empty_object);
    tcase_add_test(tests, an_event_key_is_plain_text_or_left_to_the_gtid);
    tcase_add_test(tests, a_condition_compares_values_and_takes_what_is_missing_for_null);
    return tests;
}
