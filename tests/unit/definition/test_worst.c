/* test_worst.c: the worst that a text can hold, at the limits of what is taken: the loop waits for
 * each of these. Twice the text may cost about twice the time, and none costs more than is said
 * here.
 *
 * Measured is the time that this thread computes, the least of some runs: others on the machine do
 * not count. TROTH_SHOW=1 prints the table. */
#include <string.h>

#include <base/json.h>
#include <wire/message.h>

#include "tests.h"
#include <worst.h>

struct scene {
    struct buffer schema, steps, input, other;
    struct definition *definition;
};

/* The same from the last to the first. */
static void add_backwards(struct buffer *text, const char *prefix, const char *suffix, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        worst_add(text, prefix);
        buffer_append_uint(text, i + 100000);
        worst_add(text, suffix);
        worst_add(text, i == 0 ? "" : ",");
    }
}

/* --- what a text can hold ----------------------------------------------------------------------
 */

static void many_required(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'required':[");
    worst_add_list(&scene->schema, "'k", "'", n / 2);
    worst_add(&scene->schema, "]}");
    worst_add(&scene->input, "{");
    worst_add_list(&scene->input, "'m", "':1", n);
    worst_add(&scene->input, "}");
}

static void required_in_each(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'items':{'required':[");
    worst_add_list(&scene->schema, "'k", "'", n / 2);
    worst_add(&scene->schema, "]}}");
    worst_add(&scene->input, "[{}");
    worst_add_times(&scene->input, ",{}", n / 3);
    worst_add(&scene->input, "]");
}

static void enum_of_numbers(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'items':{'enum':[");
    size_t count = worst_add_list(&scene->schema, "", "", n / 2);
    worst_add(&scene->schema, "]}}");
    worst_add(&scene->input, "[");
    add_backwards(&scene->input, "", "", count);
    while (scene->input.len < n)
        worst_add(&scene->input, ",3.5");
    worst_add(&scene->input, "]");
}

static void enum_of_strings(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'items':{'enum':[");
    size_t count = worst_add_list(&scene->schema, "'a code that begins as all do ", "'", n / 2);
    worst_add(&scene->schema, "]}}");
    worst_add(&scene->input, "[");
    add_backwards(&scene->input, "'a code that begins as all do ", "'", count);
    while (scene->input.len < n)
        worst_add(&scene->input, ",'\\u0061 code that begins as all do, and is none'");
    worst_add(&scene->input, "]");
}

/* Each level has an enum that its values are in. */
static void enum_in_enum(struct scene *scene, size_t n)
{
    const size_t depth = 40;
    worst_add(&scene->schema, "{'items':");
    for (size_t i = depth; i > 0; i--) {
        worst_add(&scene->schema, "{'enum':[");
        worst_add_times(&scene->schema, "[", i);
        worst_add(&scene->schema, "7");
        worst_add_times(&scene->schema, "]", i);
        worst_add(&scene->schema, "],'items':");
    }
    worst_add(&scene->schema, "true");
    worst_add_times(&scene->schema, "}", depth + 1);
    worst_add(&scene->input, "[");
    for (size_t i = 0; scene->input.len < n; i++) {
        worst_add_times(&scene->input, i == 0 ? "" : ",", 1);
        worst_add_times(&scene->input, "[", depth);
        worst_add(&scene->input, "7");
        worst_add_times(&scene->input, "]", depth);
    }
    worst_add(&scene->input, "]");
}

static void constant_reordered(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'const':{");
    size_t count = worst_add_list(&scene->schema, "'m", "':1", n / 2);
    worst_add(&scene->schema, "}}");
    worst_add(&scene->input, "{");
    add_backwards(&scene->input, "'m", "':1.0", count);
    worst_add(&scene->input, "}");
}

static void unknown_members(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'additionalProperties':false,'properties':{");
    worst_add_list(&scene->schema, "'k", "':true", n / 2);
    worst_add(&scene->schema, "}}");
    worst_add(&scene->input, "{");
    worst_add_list(&scene->input, "'m", "':1", n);
    worst_add(&scene->input, "}");
}

static void long_limit(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'items':{'minimum':0.");
    worst_add_times(&scene->schema, "1", n / 2 - 100);
    worst_add(&scene->schema, "}}");
    worst_add(&scene->input, "[0.2");
    worst_add_times(&scene->input, ",0.2", n / 4 - 1);
    worst_add(&scene->input, "]");
}

static void long_key_wrong_inside(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'additionalProperties':{'items':false}}");
    worst_add(&scene->input, "{'");
    worst_add_times(&scene->input, "k", n / 2);
    worst_add(&scene->input, "':[1");
    worst_add_times(&scene->input, ",1", n / 4);
    worst_add(&scene->input, "]}");
}

static void deep_lists(struct scene *scene, size_t n)
{
    worst_add_times(&scene->schema, "{'items':", 60);
    worst_add(&scene->schema, "{'type':'integer'}");
    worst_add_times(&scene->schema, "}", 60);
    worst_add_times(&scene->input, "[", 60);
    worst_add(&scene->input, "1");
    worst_add_times(&scene->input, ",1", n / 2 - 61);
    worst_add_times(&scene->input, "]", 60);
}

static const char *const wrong_inputs[] = {"many_required",   "required_in_each",
                                           "enum_of_numbers", "enum_of_strings",
                                           "unknown_members", "long_key_wrong_inside"};

/* As many as a file may have, where the input is as long as it may be. */
static size_t references_for(size_t n)
{
    return DEFINITION_REFERENCES_MAX * n / MESSAGE_PAYLOAD_MAX;
}

static void template_of(struct scene *scene, const char *expression, size_t references)
{
    worst_add(&scene->other, "{'list':[''");
    for (size_t i = 0; i < references; i++) {
        worst_add(&scene->other, ",'");
        worst_add(&scene->other, expression);
        buffer_append_uint(&scene->other, 120000 - i);
        worst_add(&scene->other, "}'");
    }
    worst_add(&scene->other, "]}");
}

static void far_elements(struct scene *scene, size_t n)
{
    worst_add(&scene->input, "{'l':[1");
    worst_add_times(&scene->input, ",1", n / 2 - 10);
    worst_add(&scene->input, "]}");
    template_of(scene, "${input.l.", references_for(n));
}

static void far_members(struct scene *scene, size_t n)
{
    worst_add(&scene->input, "{'m100000':1");
    for (size_t i = 1; scene->input.len < n - 20; i++) {
        worst_add(&scene->input, ",'m");
        buffer_append_uint(&scene->input, 100000 + i);
        worst_add(&scene->input, "':1");
    }
    worst_add(&scene->input, "}");
    worst_add(&scene->other, "[''");
    for (size_t i = 0; i < references_for(n); i++) {
        worst_add(&scene->other, ",'${input.m");
        buffer_append_uint(&scene->other, 100000 + i);
        worst_add(&scene->other, "}'");
    }
    worst_add(&scene->other, "]");
}

static void whole_input_again(struct scene *scene, size_t n)
{
    worst_add(&scene->input, "'");
    worst_add_times(&scene->input, "x", n - 10);
    worst_add(&scene->input, "'");
    worst_add(&scene->other, "[''");
    worst_add_times(&scene->other, ",'${input}'", 3000);
    worst_add(&scene->other, "]");
}

static void condition_reordered(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'when':{'value':'${input.a}','equals':'${input.b}'}");
    worst_add(&scene->input, "{'a':{");
    size_t count = worst_add_list(&scene->input, "'m", "':1", n / 2 - 50);
    worst_add(&scene->input, "},'b':{");
    add_backwards(&scene->input, "'m", "':1", count);
    worst_add(&scene->input, "}}");
}

/* --- definitions: `steps` is the text ----------------------------------------------------------
 */

static void twice_the_same_key(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'const':{'a':1");
    worst_add_times(&scene->schema, ",'a':1", n / 6 - 30);
    worst_add(&scene->schema, "}}");
}

static void unknown_fields(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'compensate':{");
    worst_add_list(&scene->steps, "'operatio", "':1", n - 500);
    worst_add(&scene->steps, "}");
}

static void required_unknown(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'properties':{");
    worst_add_list(&scene->schema, "'a_rather_long_name_that_ends_in_", "':true", n / 2);
    worst_add(&scene->schema, "},'required':[");
    worst_add_list(&scene->schema, "'a_rather_long_nmae_that_ends_in_", "'", n - 500);
    worst_add(&scene->schema, "]}");
}

static void unknown_keywords(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{");
    worst_add_list(&scene->schema, "'exclusiveMinimun", "':1", n - 500);
    worst_add(&scene->schema, "}");
}

static void unknown_types(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'type':['string'");
    worst_add_times(&scene->schema, ",'strng'", n / 8 - 60);
    worst_add(&scene->schema, "]}");
}

static void deep_template(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'input':");
    worst_add_times(&scene->steps, "[", 58);
    worst_add(&scene->steps, "1");
    worst_add_times(&scene->steps, ",1", n / 2 - 400);
    worst_add_times(&scene->steps, "]", 58);
}

static void references_to_what_is_not_listed(struct scene *scene, size_t n)
{
    worst_add(&scene->schema, "{'properties':{");
    worst_add_list(&scene->schema, "'a_rather_long_name_that_ends_in_", "':true", n / 2);
    worst_add(&scene->schema, "}}");
    worst_add(&scene->steps, ",'input':['${input.a_rather_long_nmae}'");
    worst_add_times(&scene->steps, ",'${input.a_rather_long_nmae}'", n / 60 - 20);
    worst_add(&scene->steps, "]");
}

static void unknown_steps(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'input':['${steps.frist.output}'");
    worst_add_times(&scene->steps, ",'${steps.frist.output}'", n / 24 - 20);
    worst_add(&scene->steps, "]");
}

static void unclosed(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'input':'");
    worst_add_times(&scene->steps, "$", n / 2 - 500);
    worst_add_times(&scene->steps, "$${", n / 6 - 100);
    worst_add(&scene->steps, "${'");
}

static void long_after(struct scene *scene, size_t n)
{
    worst_add(&scene->steps, ",'after':['x'");
    worst_add_times(&scene->steps, ",'x'", n / 4 - 100);
    worst_add(&scene->steps, "]");
}

/* --- measuring ---------------------------------------------------------------------------------
 */

enum what { PARSES, CHECKS, RENDERS, CONDITION, SAME };

static const struct worst {
    const char *name;
    void (*make)(struct scene *scene, size_t n);
    enum what what;
} cases[] = {
    {"many_required", many_required, CHECKS},
    {"required_in_each", required_in_each, CHECKS},
    {"enum_of_numbers", enum_of_numbers, CHECKS},
    {"enum_of_strings", enum_of_strings, CHECKS},
    {"enum_in_enum", enum_in_enum, CHECKS},
    {"constant_reordered", constant_reordered, CHECKS},
    {"unknown_members", unknown_members, CHECKS},
    {"long_limit", long_limit, CHECKS},
    {"long_key_wrong_inside", long_key_wrong_inside, CHECKS},
    {"deep_lists", deep_lists, CHECKS},
    {"far_elements", far_elements, RENDERS},
    {"far_members", far_members, RENDERS},
    {"whole_input_again", whole_input_again, RENDERS},
    {"condition_reordered", condition_reordered, CONDITION},
    {"twice_the_same_key", twice_the_same_key, PARSES},
    {"unknown_fields", unknown_fields, PARSES},
    {"required_unknown", required_unknown, PARSES},
    {"unknown_keywords", unknown_keywords, PARSES},
    {"unknown_types", unknown_types, PARSES},
    {"deep_template", deep_template, PARSES},
    {"references_to_what_is_not_listed", references_to_what_is_not_listed, PARSES},
    {"unknown_steps", unknown_steps, PARSES},
    {"unclosed", unclosed, PARSES},
    {"long_after", long_after, PARSES},
    {"deep_lists, same", deep_template, SAME},
    {"constant_reordered, same", constant_reordered, SAME},
};

static void definition_text(const struct scene *scene, struct buffer *ret_text)
{
    worst_add(ret_text,
              "{'name':'t','version':1,'mode':'saga','steps':[{'name':'first','participant':'p'"
              ",'operation':'o'");
    buffer_append_span(ret_text, buffer_span(&scene->steps));
    worst_add(ret_text, "}]");
    if (scene->schema.len > 0) {
        worst_add(ret_text, ",'input_schema':");
        buffer_append_span(ret_text, buffer_span(&scene->schema));
    }
    worst_add(ret_text, "}");
    ck_assert(!ret_text->failed && ret_text->len <= DEFINITION_BYTES_MAX);
}

static struct definition *parse(const struct scene *scene)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer text = {0};
    definition_text(scene, &text);
    int error = definition_parse(buffer_span(&text), &faults, &definition);
    ck_assert(error == 0 || faults.errors > 0);
    faults_finish(&faults);
    buffer_finish(&text);
    return definition;
}

static void check(const struct worst *worst, const struct scene *scene)
{
    struct faults faults = {0};
    bool wrong = false;
    int error = definition_check_input(scene->definition, buffer_span(&scene->input), &faults);
    for (size_t i = 0; i < sizeof wrong_inputs / sizeof *wrong_inputs; i++)
        wrong = wrong || strcmp(worst->name, wrong_inputs[i]) == 0;
    ck_assert_msg(wrong || strcmp(worst->name, "enum_in_enum") == 0 || error == 0, "%s: %s",
                  worst->name, faults.count > 0 ? faults.list[0].text : "");
    ck_assert(!wrong || error == TROTH_ERROR_INVALID);
    faults_finish(&faults);
}

static void render(const struct worst *worst, const struct scene *scene)
{
    struct definition_values values = {.input = buffer_span(&scene->input)};
    struct buffer text = {0};
    struct template *template;
    const char *why = "";
    ck_assert_int_eq(template_create(scene->definition, buffer_span(&scene->other), &template), 0);
    int error = definition_render(scene->definition, template, &values, &text, &why);
    template_destroy(template);
    ck_assert_msg(error == (worst->make == whole_input_again ? TROTH_ERROR_TOO_LARGE : 0), "%s",
                  why);
    definition_values_finish(&values);
    buffer_finish(&text);
}

static void condition(const struct scene *scene)
{
    struct definition_values values = {.input = buffer_span(&scene->input)};
    bool runs;
    int error = definition_when(scene->definition, 0, &values, &runs, NULL);
    ck_assert(error == 0 || error == TROTH_ERROR_TOO_LARGE);
    definition_values_finish(&values);
}

struct measured {
    const struct worst *worst;
    struct scene scene;
};

static void run(void *arg)
{
    const struct measured *measured = arg;
    const struct scene *scene = &measured->scene;
    switch (measured->worst->what) {
    case PARSES:
        definition_destroy(parse(scene));
        break;
    case CHECKS:
        check(measured->worst, scene);
        break;
    case RENDERS:
        render(measured->worst, scene);
        break;
    case CONDITION:
        condition(scene);
        break;
    case SAME:
        ck_assert(definition_same(scene->definition, scene->definition));
        break;
    }
}

static uint64_t measure(const struct worst *worst, size_t n)
{
    struct measured measured = {.worst = worst};
    struct scene *scene = &measured.scene;
    worst->make(scene, n);
    if (worst->what != PARSES) {
        scene->definition = parse(scene);
        ck_assert_ptr_nonnull(scene->definition);
        ck_assert_uint_le(scene->input.len, MESSAGE_PAYLOAD_MAX);
    }
    uint64_t took = worst_measure(run, &measured);
    definition_destroy(scene->definition);
    buffer_finish(&scene->schema);
    buffer_finish(&scene->steps);
    buffer_finish(&scene->input);
    buffer_finish(&scene->other);
    return took;
}

START_TEST(the_worst_text_holds_the_loop_for_milliseconds)
{
    const struct worst *worst = &cases[_i];
    size_t most = worst->what == PARSES || worst->what == SAME ? DEFINITION_BYTES_MAX - 400
                                                               : MESSAGE_PAYLOAD_MAX - 600;
    uint64_t half = measure(worst, most / 2);
    worst_judge(worst->name, half, measure(worst, most));
}
END_TEST

TCase *tests_of_worst(void)
{
    TCase *tests = tcase_create("worst");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, the_worst_text_holds_the_loop_for_milliseconds, 0,
                        sizeof cases / sizeof cases[0]);
    return tests;
}
