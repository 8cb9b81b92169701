/* test_parsing.c: what a parsed definition says, beyond being right or wrong. */
#include <stdio.h>
#include <string.h>

#include <base/nearest.h>

#include "tests.h"

#define STEP(name) "{\"name\":\"" name "\",\"participant\":\"p_" name "\",\"operation\":\"run\""
#define UNDO       ",\"compensate\":{\"operation\":\"undo\"}"

START_TEST(every_field_of_a_definition_is_kept)
{
    struct definition *d = parsed(
        "{\"name\":\"checkout\",\"version\":3,\"description\":\"d\",\"mode\":\"2pc_then_saga\","
        "\"timeout\":\"15m\",\"prepare_timeout\":\"2s\",\"input_schema\":{\"type\":\"object\"},"
        "\"retries\":{\"patient\":{\"interval\":\"200ms\",\"backoff\":1.5,\"max_interval\":\"30s\","
        "\"max_attempts\":0,\"jitter\":\"none\"}},\"steps\":[" STEP(
            "reserve") ",\"timeout\":\"5s\","
                       "\"retry\":\"patient\",\"input\":{\"a\":1},\"compensate\":{\"operation\":"
                       "\"undo\","
                       "\"input\":{\"id\":\"${steps.reserve.output.id}\"},\"retry\":\"patient\"}}"
                       "," STEP("charge") ",\"kind\":\"pivot\"}],\"events\":{\"topic\":\"orders\","
                                          "\"key\":\"${input.id}\"}}");
    ck_assert_str_eq(d->name, "checkout");
    ck_assert_uint_eq(d->version, 3);
    ck_assert_int_eq(d->mode, DEFINITION_2PC_THEN_SAGA);
    ck_assert_uint_eq(d->timeout_us, UINT64_C(900000000));
    ck_assert_uint_eq(d->prepare_timeout_us, 2000000);
    ck_assert_mem_eq(d->topic.data, "orders", d->topic.len);
    ck_assert_mem_eq(d->key_template.data, "\"${input.id}\"", d->key_template.len);
    ck_assert_uint_eq(d->retries_count, 1);
    ck_assert_uint_eq(d->retries[0].interval_us, 200000);
    ck_assert_double_eq(d->retries[0].backoff, 1.5);
    ck_assert_uint_eq(d->retries[0].max_interval_us, 30000000);
    ck_assert_uint_eq(d->retries[0].max_attempts, 0);
    ck_assert(d->retries[0].attempts_given);
    ck_assert(!d->retries[0].full_jitter);
    ck_assert_uint_eq(d->steps_count, 2);
    const struct definition_step *reserve = &d->steps[0];
    ck_assert_str_eq(reserve->participant, "p_reserve");
    ck_assert_str_eq(reserve->operation, "run");
    ck_assert_uint_eq(reserve->timeout_us, 5000000);
    ck_assert_int_eq(reserve->retry, 0);
    ck_assert(reserve->has_compensation);
    ck_assert_str_eq(reserve->compensate_operation, "undo");
    ck_assert_int_eq(reserve->compensate_retry, 0);
    ck_assert_mem_eq(reserve->input.data, "{\"a\":1}", reserve->input.len);
    ck_assert_int_eq(d->steps[1].kind, DEFINITION_PIVOT);
    ck_assert_int_eq(d->steps[1].retry, -1);
    definition_destroy(d);
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
    struct definition *d =
        parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"timeout\":\"4s\","
               "\"steps\":[" STEP("a") "}]}");
    ck_assert_uint_eq(d->prepare_timeout_us, 4000000); /* no longer than the whole */
    ck_assert_uint_eq(d->steps[0].timeout_us, 4000000);
    ck_assert_ptr_null(d->steps[0].input.data);
    ck_assert_ptr_null(d->topic.data);
    ck_assert_ptr_null(d->key_template.data);
    definition_destroy(d);
    d = parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"saga\",\"retries\":{\"r\":{\"interval\":"
               "\"1m\"}},\"steps\":[" STEP("a") ",\"retry\":\"r\"" UNDO "}]}");
    ck_assert_uint_eq(d->timeout_us, DEFINITION_TIMEOUT_DEFAULT_US);
    ck_assert_uint_eq(d->retries[0].max_interval_us, 60000000); /* the interval is longer */
    ck_assert_uint_eq(d->retries[0].max_attempts, DEFINITION_RETRY_ATTEMPTS_DEFAULT);
    ck_assert(!d->retries[0].attempts_given);
    ck_assert(d->retries[0].full_jitter);
    definition_destroy(d);
}
END_TEST

START_TEST(a_saga_runs_in_the_order_of_the_file_unless_after_says_otherwise)
{
    struct definition *d = parsed(
        "{\"name\":\"t\",\"version\":1,\"mode\":\"saga\",\"steps\":[" STEP("a") UNDO "}," STEP("b")
            UNDO "}," STEP("c") ",\"after\":[]" UNDO "}," STEP("d") ",\"after\":[\"a\",\"c\"]" UNDO
                                                                    "}]}");
    ck_assert_uint_eq(d->steps[0].after, 0);
    ck_assert_uint_eq(d->steps[1].after, 1);
    ck_assert_uint_eq(d->steps[2].after, 0);
    ck_assert_uint_eq(d->steps[3].after, 5);
    definition_destroy(d);
}
END_TEST

START_TEST(steps_of_2pc_have_no_order_but_that_of_their_inputs)
{
    struct definition *d = parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[" STEP(
        "a") "}," STEP("b") "}," STEP("c") ",\"input\":{\"x\":[\"${steps.b.output}\"]}}"
                                           "," STEP("d") ",\"when\":{\"value\":\"${steps.a."
                                                         "output.more}\",\"equals\":true}}]"
                                                         "}");
    ck_assert_uint_eq(d->steps[1].after, 0);
    ck_assert_uint_eq(d->steps[2].after, 2);
    ck_assert_uint_eq(d->steps[2].input_needs, 2);
    ck_assert_uint_eq(d->steps[2].needs, 2);
    ck_assert_uint_eq(d->steps[3].after, 1);
    ck_assert_uint_eq(d->steps[3].input_needs, 0);
    ck_assert_uint_eq(d->steps[3].when_needs, 1);
    ck_assert_uint_eq(d->steps[3].needs, 1);
    definition_destroy(d);
}
END_TEST

START_TEST(a_compensation_may_name_its_own_step)
{
    struct definition *d =
        parsed("{\"name\":\"t\",\"version\":1,\"mode\":\"saga\",\"steps\":[" STEP("a") UNDO
               "}," STEP("b") ",\"compensate\":{\"operation\":\"undo\",\"input\":["
                              "\"${steps.a.output}\",\"${steps.b.output.id}\"]}}]}");
    ck_assert_uint_eq(d->steps[1].input_needs, 0);
    ck_assert_uint_eq(d->steps[1].needs, 3);
    definition_destroy(d);
}
END_TEST

static bool same(const char *a_text, const char *b_text)
{
    struct definition *a = parsed(a_text), *b = parsed(b_text);
    bool forth = definition_same(a, b);
    ck_assert_int_eq(forth, definition_same(b, a));
    definition_destroy(a);
    definition_destroy(b);
    return forth;
}

START_TEST(the_same_definition_is_the_same_however_it_is_laid_out)
{
    const char *one = "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"description\":"
                      "\"a \\\" b\",\"steps\":[" STEP("a") ",\"input\":{\"x\":[1,{\"y\":2.0}],"
                                                           "\"z\":null}}]}";
    ck_assert(same(one, "{ \"name\" : \"t\",\n\"version\":1,\"mode\":\"2pc\",\t\"description\":"
                        "\"a \\\" b\",\"steps\":[ " STEP("a") ",\"input\":{\"x\":[1,{\"y\":2.0}],"
                                                              "\"z\":null}} ] }\n"));
    /* Members in another order, escapes that need not be, the version as another decimal. */
    ck_assert(same(
        one, "{\"mode\":\"2pc\",\"steps\":[{\"input\":{\"z\":null,\"\\u0078\":[1,{\"y\":2.0}]},"
             "\"operation\":\"run\",\"participant\":\"p_\\u0061\",\"name\":\"a\"}],"
             "\"description\":\"a \\u0022 b\",\"version\":1.0,\"name\":\"t\"}"));
}
END_TEST

#define WITH(input)                                                                                \
    "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[" STEP("a") ",\"input\":" input "}" \
                                                                           "]"                     \
                                                                           "}"

START_TEST(what_a_participant_would_get_otherwise_is_another_definition)
{
    ck_assert(!same(WITH("\"a b\""), WITH("\"a  b\"")));
    ck_assert(!same(WITH("1"), WITH("1.0"))); /* passed on as it stands */
    ck_assert(!same(WITH("[1,2]"), WITH("[2,1]")));
    ck_assert(!same(WITH("{\"a\":1}"), WITH("{\"a\":1,\"b\":1}")));
    ck_assert(!same(WITH("{\"a\":1,\"c\":1}"), WITH("{\"a\":1,\"b\":1}")));
    ck_assert(!same(WITH("null"), WITH("false")));
    ck_assert(same(WITH("\"${input.a}\""), WITH("\"\\u0024{input.a}\"")));
    definition_destroy(NULL);
}
END_TEST

START_TEST(names_topics_and_durations_may_be_escaped)
{
    struct definition *d =
        parsed("{\"name\":\"\\u0074\",\"version\":1,\"mode\":\"2pc\",\"timeout\":\"\\u0031m\","
               "\"steps\":[" STEP("a") "}],\"events\":{\"topic\":\"a\\u002eb\"}}");
    ck_assert_str_eq(d->name, "t");
    ck_assert_uint_eq(d->timeout_us, 60000000);
    ck_assert_uint_eq(d->topic.len, 3);
    ck_assert_str_eq(d->topic.data, "a.b");
    definition_destroy(d);
}
END_TEST

/* One key is a pointer of its own characters; only what is printed keeps to one line. */
START_TEST(a_pointer_is_that_of_rfc_6901)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer text = {0};
    ck_assert_int_eq(
        definition_parse(span_of(WITH("{\"a/b~c\\n\\u00e9\":\"${x}\"}")), &faults, &definition),
        TROTH_ERROR_SYNTAX);
    ck_assert_str_eq(faults.list[0].pointer, "/steps/0/input/a~1b~0c\n\xc3\xa9");
    faults_format(&faults, "f", &text);
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&text), " /steps/0/input/a~1b~0c\\u000a\xc3\xa9: \"${x}\" begins"));
    buffer_finish(&text);
    faults_finish(&faults);
}
END_TEST

START_TEST(more_faults_than_the_list_holds_are_counted)
{
    struct buffer text = {0};
    struct faults faults = {0};
    struct definition *definition = NULL;
    buffer_append_text(&text, "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[" STEP(
                                  "a") ",\"input\":[\"${x}\"");
    for (uint32_t i = 0; i < FAULTS_MAX + 49; i++)
        buffer_append_text(&text, ",\"${x}\"");
    buffer_append_text(&text, "]}]}");
    ck_assert_int_eq(definition_parse(buffer_span(&text), &faults, &definition),
                     TROTH_ERROR_SYNTAX);
    ck_assert_uint_eq(faults.count, FAULTS_MAX);
    ck_assert_uint_eq(faults.errors, FAULTS_MAX + 50);
    buffer_clear(&text);
    faults_format(&faults, "f", &text);
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "\nf: and 50 more errors\n"));
    buffer_finish(&text);
    faults_finish(&faults);
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused_before_it_is_read)
{
    struct buffer text = {0};
    struct faults faults = {0};
    struct definition *definition = NULL;
    ck_assert(buffer_reserve(&text, DEFINITION_BYTES_MAX + 1));
    while (text.len <= DEFINITION_BYTES_MAX)
        buffer_append_char(&text, ' ');
    ck_assert_int_eq(definition_parse(buffer_span(&text), &faults, &definition),
                     TROTH_ERROR_SYNTAX);
    ck_assert_str_eq(faults.list[0].text, "is larger than 256 KiB");
    buffer_finish(&text);
    faults_finish(&faults);
}
END_TEST

START_TEST(the_nearest_name_is_the_one_somebody_meant)
{
    static const char *const names[] = {"compensate", "integer", "key", "name", "not_equals", NULL};
    ck_assert_str_eq(name_nearest("compensation", names), "compensate");
    ck_assert_str_eq(name_nearest("int", names), "integer");
    ck_assert_str_eq(name_nearest("nmae", names), "name");
    ck_assert_str_eq(name_nearest("NAME", names), "name");
    ck_assert_str_eq(name_nearest("not-equals", names), "not_equals");
    ck_assert_ptr_null(name_nearest("owner", names));
    ck_assert_ptr_null(name_nearest("", names));
}
END_TEST

/* What a file has too much of is told once, at its place. */
static void only_fault(struct buffer *text, const char *wanted)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer list = {0};
    ck_assert_int_eq(definition_parse(buffer_span(text), &faults, &definition), TROTH_ERROR_SYNTAX);
    faults_format(&faults, "f", &list);
    ck_assert_str_eq(buffer_text(&list), wanted);
    faults_finish(&faults);
    buffer_finish(&list);
    buffer_finish(text);
}

START_TEST(a_file_has_a_limit_of_expressions)
{
    struct buffer text = {0};
    buffer_append_text(&text, "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[{\"name\":"
                              "\"a\",\"participant\":\"p\",\"operation\":\"o\",\"input\":[1");
    for (uint32_t i = 0; i < DEFINITION_REFERENCES_MAX + 10; i++)
        buffer_append_text(&text, i % 2 == 0 ? ",\n\"${input.a}\"" : ",\"b ${input.b}\"");
    buffer_append_text(&text, "]}]}");
    only_fault(&text,
               "f:2050:1: /steps/0/input/4097: is the expression that is too many: a file has "
               "at most 4096\n");
}
END_TEST

START_TEST(a_condition_compares_with_a_text_of_some_length)
{
    struct buffer text = {0};
    buffer_append_text(&text, "{\"name\":\"t\",\"version\":1,\"mode\":\"2pc\",\"steps\":[{\"name\":"
                              "\"a\",\"participant\":\"p\",\"operation\":\"o\",\"when\":{\"value\":"
                              "\"${input.a}\",\"equals\":\"");
    for (uint32_t i = 0; i < DEFINITION_OPERAND_BYTES_MAX; i++)
        buffer_append_char(&text, 'x');
    buffer_append_text(&text, "\"}}]}");
    only_fault(&text,
               "f:1:131: /steps/0/when/equals: has 32770 bytes; a condition compares with at "
               "most 32768\n");
}
END_TEST

TCase *tests_of_parsing(void)
{
    TCase *tests = tcase_create("parsing");
    tcase_add_test(tests, every_field_of_a_definition_is_kept);
    tcase_add_test(tests, what_is_left_out_has_its_default);
    tcase_add_test(tests, a_saga_runs_in_the_order_of_the_file_unless_after_says_otherwise);
    tcase_add_test(tests, steps_of_2pc_have_no_order_but_that_of_their_inputs);
    tcase_add_test(tests, a_compensation_may_name_its_own_step);
    tcase_add_test(tests, the_same_definition_is_the_same_however_it_is_laid_out);
    tcase_add_test(tests, what_a_participant_would_get_otherwise_is_another_definition);
    tcase_add_test(tests, names_topics_and_durations_may_be_escaped);
    tcase_add_test(tests, a_pointer_is_that_of_rfc_6901);
    tcase_add_test(tests, more_faults_than_the_list_holds_are_counted);
    tcase_add_test(tests, a_file_that_is_too_large_is_refused_before_it_is_read);
    tcase_add_test(tests, the_nearest_name_is_the_one_somebody_meant);
    tcase_add_test(tests, a_file_has_a_limit_of_expressions);
    tcase_add_test(tests, a_condition_compares_with_a_text_of_some_length);
    return tests;
}
