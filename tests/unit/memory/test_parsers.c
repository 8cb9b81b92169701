/* Every parser, with each of its allocations failing. */
#include <assert.h>
#include <string.h>

#include <base/json.h>
#include <definition/definition.h>
#include <file.h>
#include <wire/message.h>

#include "failing.h"

#define SPAN(text) ((struct troth_span){text, sizeof(text) - 1})
#define GTID       "018bcfe5-687b-8007-8000-00c000000063"

static bool is(struct troth_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* What the buffer says, if it had the memory for it. */
static int wrote(const struct buffer *buffer, const char *text)
{
    if (buffer->failed)
        return TROTH_ERROR_NO_MEMORY;
    assert(is(buffer_span(buffer), text));
    return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static int command(void)
{
    static const char text[] = "{\"op\":\"execut\\u0065\",\"gtid\":\"" GTID
                               "\",\"branch\":2,\"attempt\":1,\"operation\":\"d\\u0065bit\","
                               "\"input\":{\"a\":1}}";
    BUFFER_SCOPED struct buffer scratch = {0}, line = {0};
    struct command parsed;
    const char *why;
    int error = message_command_parse(SPAN(text), &scratch, &parsed, &why);
    if (error != 0)
        return error;
    assert(is(parsed.operation, "debit") && is(parsed.input, "{\"a\":1}"));
    message_command_append(&line, &parsed);
    return wrote(&line, "{\"op\":\"execute\",\"gtid\":\"" GTID
                        "\",\"branch\":2,\"attempt\":1,\"operation\":\"debit\","
                        "\"input\":{\"a\":1}}\n");
}

static int result(void)
{
    static const char text[] = "{\"op\":\"prepare\",\"gtid\":\"" GTID
                               "\",\"branch\":1,\"attempt\":1,\"result\":\"refused\","
                               "\"reason\":\"no \\u0022money\\u0022\",\"output\":[0.10]}";
    BUFFER_SCOPED struct buffer scratch = {0};
    struct result parsed;
    const char *why;
    int error = message_result_parse(SPAN(text), &scratch, &parsed, &why);
    if (error != 0)
        return error;
    assert(parsed.result == RESULT_REFUSED && is(parsed.reason, "no \"money\""));
    return 0;
}

/* --- definitions ------------------------------------------------------------------------------ */

static const char good[] =
    "{\"name\":\"pay\",\"version\":1,\"mode\":\"2pc_then_saga\",\"input_schema\":{\"type\":"
    "\"object\",\"required\":[\"from\"],\"properties\":{\"from\":{\"type\":\"integer\"}}},"
    "\"retries\":{\"p\":{\"interval\":\"1s\"}},\"steps\":[{\"name\":\"a\",\"participant\":\"x\","
    "\"operation\":\"o\",\"retry\":\"p\",\"input\":{\"f\":\"${input.from}\"},\"compensate\":{"
    "\"operation\":\"u\",\"input\":{\"id\":\"${steps.a.output.id}\"}}},{\"name\":\"b\","
    "\"participant\":\"y\",\"operation\":\"o\",\"kind\":\"pivot\"},{\"name\":\"c\","
    "\"participant\":\"z\",\"operation\":\"o\",\"kind\":\"retriable\",\"when\":{\"value\":\"${"
    "input.from}\","
    "\"equals\":7}}],\"events\":{\"key\":\"k ${input.from}\"}}";

static int parse(struct troth_span text, struct definition **ret_definition)
{
    struct faults faults = {0};
    int error = definition_parse(text, &faults, ret_definition);
    faults_finish(&faults);
    return error;
}

static int right_definition(void)
{
    struct definition *definition = NULL;
    int error = parse(SPAN(good), &definition);
    if (error != 0)
        return error;
    assert(definition->steps_count == 3);
    assert(definition->steps[0].compensate_needs == 1);
    definition_destroy(definition);
    return 0;
}

static int wrong_definition(void)
{
    struct definition *definition = NULL;
    int error = parse(SPAN("{\"name\":\"P\",\"name\":\"q\",\"mode\":\"2pd\",\"steps\":[{\"nmae\":1,"
                           "\"input\":\"${inptu.x}\"}],\"input_schema\":{\"pattern\":\"a\"}}"),
                      &definition);
    assert(definition == NULL);
    return error;
}

static struct definition *shared; /* made where nothing fails */

static int fill(void)
{
    struct definition_values values = {.input = SPAN("{\"from\":7}"),
                                       .outputs = {SPAN("{\"id\":\"x\\\"\"}")}};
    BUFFER_SCOPED struct buffer text = {0};
    struct template *template = NULL;
    const char *why;
    int error =
        template_create(shared,
                        SPAN("{\"i\":\"${steps.a.output.id}\",\"t\":\"a "
                             "${input.from} ${steps.a.output.id}\",\"u\":\"\\u0024{input.from}\"}"),
                        &template);
    if (error == 0)
        error = definition_render(shared, template, &values, &text, &why);
    template_destroy(template);
    definition_values_finish(&values);
    if (error != 0)
        return error;
    return wrote(&text, "{\"i\":\"x\\\"\",\"t\":\"a 7 x\\\"\",\"u\":7}");
}

static int key(void)
{
    struct definition_values values = {.input = SPAN("{\"from\":7}")};
    BUFFER_SCOPED struct buffer text = {0};
    int error = definition_render_key(shared, &values, &text);
    definition_values_finish(&values);
    return error != 0 ? error : wrote(&text, "k 7");
}

static int condition(void)
{
    struct definition_values values = {.input = SPAN("{\"from\":8}")};
    bool runs = true;
    int error = definition_when(shared, 2, &values, &runs, NULL);
    definition_values_finish(&values);
    assert(error != 0 || !runs);
    return error;
}

static int check_input(struct troth_span input)
{
    struct faults faults = {0};
    int error = definition_check_input(shared, input, &faults);
    assert(error != TROTH_ERROR_INVALID || faults.errors > 0);
    faults_finish(&faults);
    return error;
}

static int wrong_input(void)
{
    return check_input(SPAN("{\"from\":\"b\"}"));
}

/* --- operations ------------------------------------------------------------------------------- */

static int operations(const char *text, const char *wanted)
{
    BUFFER_SCOPED struct buffer said = {0};
    struct file *file = file_create((struct troth_span){text, strlen(text)});
    int error = file == NULL ? TROTH_ERROR_NO_MEMORY : file_parse(file);
    if (error == 0)
        file_say(file, "f", &said);
    file_destroy(file);
    return error == 0 ? wrote(&said, wanted) : error;
}

static int right_operations(void)
{
    return operations("{\"operations\":{\"do\":{\"sql\":[\"SELECT ${input.a}\",\"AS \\u0061\"],"
                      "\"refuse\":{\"reason\":\"no ${input.b}\",\"constraints\":{\"a\":\"b\"}},"
                      "\"compensate\":{\"sql\":\"SELECT ${output.a?} AS a\"}}}}",
                      "");
}

static int wrong_operations(void)
{
    return operations("{\"operations\":{\"do\":{\"sql\":\"SELECT '${input.a}';\",\"refuse\":1}}}",
                      "f:1:37: /operations/do/sql: a parameter within a quoted text is only text "
                      "there: it stands outside, as in 'x ' || ${input.a}\n"
                      "f:1:48: /operations/do/sql: a semicolon: an operation is one statement, "
                      "without one\n"
                      "f:1:60: /operations/do/refuse: must be the reason, a string, or an object, "
                      "and is a number\n");
}

static const struct {
    const char *name;
    int (*run)(void);
    int wanted;
} cases[] = {
    {"command", command, 0},
    {"result", result, 0},
    {"right definition", right_definition, 0},
    {"wrong definition", wrong_definition, TROTH_ERROR_SYNTAX},
    {"template", fill, 0},
    {"key", key, 0},
    {"condition", condition, 0},
    {"wrong input", wrong_input, TROTH_ERROR_INVALID},
    {"right operations", right_operations, 0},
    {"wrong operations", wrong_operations, 0},
};

START_TEST(a_parser_without_memory_says_so_or_is_right)
{
    ck_assert_int_eq(parse(SPAN(good), &shared), 0);
    failing_each(cases[_i].run, cases[_i].wanted);
    definition_destroy(shared);
}
END_TEST

TCase *parsers_tests(void)
{
    TCase *tests = tcase_create("parsers");
    tcase_add_loop_test(tests, a_parser_without_memory_says_so_or_is_right, 0,
                        sizeof cases / sizeof cases[0]);
    return tests;
}
