/* worst.c: the worst that a text can hold, at the limits of what is taken: the loop waits for each
 * of these. Twice the text may cost about twice the time, and none costs more than is said here.
 *
 * Measured is the time that this thread computes, the least of some runs: others on the machine do
 * not count. TROTH_SHOW=1 prints the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/json.h>
#include <wire/message.h>

#include "tests.h"

/* Of an optimised build on a machine of 2020 the slowest case takes a fifth of it; the room is for
 * builds with sanitizers and slow machines. What was quadratic took seconds. */
#define BOUND_US 250000u
#define RUNS     4

struct scene {
    struct buffer schema, steps, input, other;
    struct definition *definition;
};

/* ' stands for ". */
static void add(struct buffer *text, const char *quoted)
{
    for (; *quoted != '\0'; quoted++)
        buffer_append_char(text, *quoted == '\'' ? '"' : *quoted);
}

static void add_times(struct buffer *text, const char *quoted, size_t times)
{
    for (size_t i = 0; i < times; i++)
        add(text, quoted);
}

/* PREFIX0 … SUFFIX, PREFIX1 … SUFFIX, …, until the text has so many bytes. Returns how many. */
static size_t add_list(struct buffer *text, const char *prefix, const char *suffix, size_t bytes)
{
    size_t count = 0;
    for (; text->len < bytes; count++) {
        add(text, count == 0 ? "" : ",");
        add(text, prefix);
        buffer_append_uint(text, count + 100000);
        add(text, suffix);
    }
    return count;
}

/* The same from the last to the first. */
static void add_backwards(struct buffer *text, const char *prefix, const char *suffix, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        add(text, prefix);
        buffer_append_uint(text, i + 100000);
        add(text, suffix);
        add(text, i == 0 ? "" : ",");
    }
}

/* --- what a text can hold ----------------------------------------------------------------------
 */

static void many_required(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'required':[");
    add_list(&scene->schema, "'k", "'", n / 2);
    add(&scene->schema, "]}");
    add(&scene->input, "{");
    add_list(&scene->input, "'m", "':1", n);
    add(&scene->input, "}");
}

static void required_in_each(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'items':{'required':[");
    add_list(&scene->schema, "'k", "'", n / 2);
    add(&scene->schema, "]}}");
    add(&scene->input, "[{}");
    add_times(&scene->input, ",{}", n / 3);
    add(&scene->input, "]");
}

static void enum_of_numbers(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'items':{'enum':[");
    size_t count = add_list(&scene->schema, "", "", n / 2);
    add(&scene->schema, "]}}");
    add(&scene->input, "[");
    add_backwards(&scene->input, "", "", count);
    while (scene->input.len < n)
        add(&scene->input, ",3.5");
    add(&scene->input, "]");
}

static void enum_of_strings(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'items':{'enum':[");
    size_t count = add_list(&scene->schema, "'a code that begins as all do ", "'", n / 2);
    add(&scene->schema, "]}}");
    add(&scene->input, "[");
    add_backwards(&scene->input, "'a code that begins as all do ", "'", count);
    while (scene->input.len < n)
        add(&scene->input, ",'\\u0061 code that begins as all do, and is none'");
    add(&scene->input, "]");
}

/* Each level has an enum that its values are in. */
static void enum_in_enum(struct scene *scene, size_t n)
{
    const size_t depth = 40;
    add(&scene->schema, "{'items':");
    for (size_t i = depth; i > 0; i--) {
        add(&scene->schema, "{'enum':[");
        add_times(&scene->schema, "[", i);
        add(&scene->schema, "7");
        add_times(&scene->schema, "]", i);
        add(&scene->schema, "],'items':");
    }
    add(&scene->schema, "true");
    add_times(&scene->schema, "}", depth + 1);
    add(&scene->input, "[");
    for (size_t i = 0; scene->input.len < n; i++) {
        add_times(&scene->input, i == 0 ? "" : ",", 1);
        add_times(&scene->input, "[", depth);
        add(&scene->input, "7");
        add_times(&scene->input, "]", depth);
    }
    add(&scene->input, "]");
}

static void constant_reordered(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'const':{");
    size_t count = add_list(&scene->schema, "'m", "':1", n / 2);
    add(&scene->schema, "}}");
    add(&scene->input, "{");
    add_backwards(&scene->input, "'m", "':1.0", count);
    add(&scene->input, "}");
}

static void unknown_members(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'additionalProperties':false,'properties':{");
    add_list(&scene->schema, "'k", "':true", n / 2);
    add(&scene->schema, "}}");
    add(&scene->input, "{");
    add_list(&scene->input, "'m", "':1", n);
    add(&scene->input, "}");
}

static void long_limit(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'items':{'minimum':0.");
    add_times(&scene->schema, "1", n / 2 - 100);
    add(&scene->schema, "}}");
    add(&scene->input, "[0.2");
    add_times(&scene->input, ",0.2", n / 4 - 1);
    add(&scene->input, "]");
}

static void long_key_wrong_inside(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'additionalProperties':{'items':false}}");
    add(&scene->input, "{'");
    add_times(&scene->input, "k", n / 2);
    add(&scene->input, "':[1");
    add_times(&scene->input, ",1", n / 4);
    add(&scene->input, "]}");
}

static void deep_lists(struct scene *scene, size_t n)
{
    add_times(&scene->schema, "{'items':", 60);
    add(&scene->schema, "{'type':'integer'}");
    add_times(&scene->schema, "}", 60);
    add_times(&scene->input, "[", 60);
    add(&scene->input, "1");
    add_times(&scene->input, ",1", n / 2 - 61);
    add_times(&scene->input, "]", 60);
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
    add(&scene->other, "{'list':[''");
    for (size_t i = 0; i < references; i++) {
        add(&scene->other, ",'");
        add(&scene->other, expression);
        buffer_append_uint(&scene->other, 120000 - i);
        add(&scene->other, "}'");
    }
    add(&scene->other, "]}");
}

static void far_elements(struct scene *scene, size_t n)
{
    add(&scene->input, "{'l':[1");
    add_times(&scene->input, ",1", n / 2 - 10);
    add(&scene->input, "]}");
    template_of(scene, "${input.l.", references_for(n));
}

static void far_members(struct scene *scene, size_t n)
{
    add(&scene->input, "{'m100000':1");
    for (size_t i = 1; scene->input.len < n - 20; i++) {
        add(&scene->input, ",'m");
        buffer_append_uint(&scene->input, 100000 + i);
        add(&scene->input, "':1");
    }
    add(&scene->input, "}");
    add(&scene->other, "[''");
    for (size_t i = 0; i < references_for(n); i++) {
        add(&scene->other, ",'${input.m");
        buffer_append_uint(&scene->other, 100000 + i);
        add(&scene->other, "}'");
    }
    add(&scene->other, "]");
}

static void whole_input_again(struct scene *scene, size_t n)
{
    add(&scene->input, "'");
    add_times(&scene->input, "x", n - 10);
    add(&scene->input, "'");
    add(&scene->other, "[''");
    add_times(&scene->other, ",'${input}'", 3000);
    add(&scene->other, "]");
}

static void condition_reordered(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'when':{'value':'${input.a}','equals':'${input.b}'}");
    add(&scene->input, "{'a':{");
    size_t count = add_list(&scene->input, "'m", "':1", n / 2 - 50);
    add(&scene->input, "},'b':{");
    add_backwards(&scene->input, "'m", "':1", count);
    add(&scene->input, "}}");
}

/* --- definitions: `steps` is the text ----------------------------------------------------------
 */

static void twice_the_same_key(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'const':{'a':1");
    add_times(&scene->schema, ",'a':1", n / 6 - 30);
    add(&scene->schema, "}}");
}

static void unknown_fields(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'compensate':{");
    add_list(&scene->steps, "'operatio", "':1", n - 500);
    add(&scene->steps, "}");
}

static void required_unknown(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'properties':{");
    add_list(&scene->schema, "'a_rather_long_name_that_ends_in_", "':true", n / 2);
    add(&scene->schema, "},'required':[");
    add_list(&scene->schema, "'a_rather_long_nmae_that_ends_in_", "'", n - 500);
    add(&scene->schema, "]}");
}

static void unknown_keywords(struct scene *scene, size_t n)
{
    add(&scene->schema, "{");
    add_list(&scene->schema, "'exclusiveMinimun", "':1", n - 500);
    add(&scene->schema, "}");
}

static void unknown_types(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'type':['string'");
    add_times(&scene->schema, ",'strng'", n / 8 - 60);
    add(&scene->schema, "]}");
}

static void deep_template(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'input':");
    add_times(&scene->steps, "[", 58);
    add(&scene->steps, "1");
    add_times(&scene->steps, ",1", n / 2 - 400);
    add_times(&scene->steps, "]", 58);
}

static void references_to_what_is_not_listed(struct scene *scene, size_t n)
{
    add(&scene->schema, "{'properties':{");
    add_list(&scene->schema, "'a_rather_long_name_that_ends_in_", "':true", n / 2);
    add(&scene->schema, "}}");
    add(&scene->steps, ",'input':['${input.a_rather_long_nmae}'");
    add_times(&scene->steps, ",'${input.a_rather_long_nmae}'", n / 60 - 20);
    add(&scene->steps, "]");
}

static void unknown_steps(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'input':['${steps.frist.output}'");
    add_times(&scene->steps, ",'${steps.frist.output}'", n / 24 - 20);
    add(&scene->steps, "]");
}

static void unclosed(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'input':'");
    add_times(&scene->steps, "$", n / 2 - 500);
    add_times(&scene->steps, "$${", n / 6 - 100);
    add(&scene->steps, "${'");
}

static void long_after(struct scene *scene, size_t n)
{
    add(&scene->steps, ",'after':['x'");
    add_times(&scene->steps, ",'x'", n / 4 - 100);
    add(&scene->steps, "]");
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

static uint64_t cpu_us(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void definition_text(const struct scene *scene, struct buffer *ret_text)
{
    add(ret_text, "{'name':'t','version':1,'mode':'saga','steps':[{'name':'first','participant':'p'"
                  ",'operation':'o'");
    buffer_append_span(ret_text, buffer_span(&scene->steps));
    add(ret_text, "}]");
    if (scene->schema.len > 0) {
        add(ret_text, ",'input_schema':");
        buffer_append_span(ret_text, buffer_span(&scene->schema));
    }
    add(ret_text, "}");
    ck_assert(!ret_text->failed && ret_text->len <= DEFINITION_BYTES_MAX);
}

static struct definition *parse(const struct scene *scene)
{
    struct definition_faults faults = {0};
    struct definition *definition = NULL;
    struct buffer text = {0};
    definition_text(scene, &text);
    int error = definition_parse(buffer_span(&text), &faults, &definition);
    ck_assert(error == 0 || faults.errors > 0);
    definition_faults_finish(&faults);
    buffer_finish(&text);
    return definition;
}

static void check(const struct worst *worst, const struct scene *scene)
{
    struct definition_faults faults = {0};
    bool wrong = false;
    int error = definition_check_input(scene->definition, buffer_span(&scene->input), &faults);
    for (size_t i = 0; i < sizeof wrong_inputs / sizeof *wrong_inputs; i++)
        wrong = wrong || strcmp(worst->name, wrong_inputs[i]) == 0;
    ck_assert_msg(wrong || strcmp(worst->name, "enum_in_enum") == 0 || error == 0, "%s: %s",
                  worst->name, faults.count > 0 ? faults.list[0].text : "");
    ck_assert(!wrong || error == TROTH_ERROR_INVALID);
    definition_faults_finish(&faults);
}

static void render(const struct worst *worst, const struct scene *scene)
{
    struct definition_values values = {.input = buffer_span(&scene->input)};
    struct buffer text = {0};
    const char *why = "";
    int error =
        definition_render(scene->definition, buffer_span(&scene->other), &values, &text, &why);
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

static void run(const struct worst *worst, const struct scene *scene)
{
    switch (worst->what) {
    case PARSES:
        definition_destroy(parse(scene));
        break;
    case CHECKS:
        check(worst, scene);
        break;
    case RENDERS:
        render(worst, scene);
        break;
    case CONDITION:
        condition(scene);
        break;
    case SAME:
        ck_assert(definition_same(scene->definition, scene->definition));
        break;
    }
}

/* The least time of some runs. */
static uint64_t measure(const struct worst *worst, size_t n)
{
    struct scene scene = {.definition = NULL};
    uint64_t least = UINT64_MAX;
    worst->make(&scene, n);
    if (worst->what != PARSES) {
        scene.definition = parse(&scene);
        ck_assert_ptr_nonnull(scene.definition);
        ck_assert_uint_le(scene.input.len, MESSAGE_PAYLOAD_MAX);
    }
    for (int i = 0; i < RUNS && least > BOUND_US / 100; i++) {
        uint64_t began = cpu_us();
        run(worst, &scene);
        uint64_t took = cpu_us() - began;
        least = took < least ? took : least;
    }
    definition_destroy(scene.definition);
    buffer_finish(&scene.schema);
    buffer_finish(&scene.steps);
    buffer_finish(&scene.input);
    buffer_finish(&scene.other);
    return least;
}

START_TEST(the_worst_text_holds_the_loop_for_milliseconds)
{
    const struct worst *worst = &cases[_i];
    size_t most = worst->what == PARSES || worst->what == SAME ? DEFINITION_BYTES_MAX - 400
                                                               : MESSAGE_PAYLOAD_MAX - 600;
    uint64_t half = measure(worst, most / 2), whole = measure(worst, most);
    if (getenv("TROTH_SHOW") != NULL)
        printf("%-34s half %6llu us, whole %6llu us\n", worst->name, (unsigned long long)half,
               (unsigned long long)whole);
    ck_assert_msg(whole < BOUND_US, "%s: %llu us", worst->name, (unsigned long long)whole);
    ck_assert_msg(whole < 3 * half + 5000, "%s: %llu us, and half of it %llu us", worst->name,
                  (unsigned long long)whole, (unsigned long long)half);
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
