#include <diff.h>

#include "tests.h"
#include <base/json.h>

/* In the texts here ' stands for ". */
static struct troth_span parse(const char *text, struct buffer *ret_text)
{
    struct troth_span value;
    for (; *text != '\0'; text++)
        buffer_append_char(ret_text, *text == '\'' ? '"' : *text);
    ck_assert_int_eq(json_check(buffer_span(ret_text), JSON_CHECK_UNIQUE_KEYS, &value, NULL), 0);
    return value;
}

static void assert_diff(const char *from, const char *to, const char *want)
{
    DIFF_SCOPED struct diff diff = {.count = 0};
    BUFFER_SCOPED struct buffer from_text = {0};
    BUFFER_SCOPED struct buffer to_text = {0};
    BUFFER_SCOPED struct buffer want_text = {0};
    BUFFER_SCOPED struct buffer list = {0};
    unsigned lines = 0;
    struct troth_span value;
    diff_definitions(parse(from, &from_text), parse(to, &to_text), &diff);
    for (; *want != '\0'; want++) {
        buffer_append_char(&want_text, *want == '\'' ? '"' : *want);
        lines += *want == '\n';
    }
    ck_assert_str_eq(buffer_text(&diff.lines), buffer_text(&want_text));
    ck_assert_uint_eq(diff.count, lines);
    buffer_append_format(&list, "[%s]", buffer_text(&diff.json));
    ck_assert_int_eq(json_check(buffer_span(&list), JSON_CHECK_UNIQUE_KEYS, &value, NULL), 0);
}

static const char base[] =
    "{'name':'order','version':3,'mode':'saga','timeout':'15m','input_schema':{'type':'object',"
    "'required':['id'],'properties':{'amount':{'minimum':1}}},"
    "'retries':{'patient':{'interval':'1s','max_attempts':0}},'steps':["
    "{'name':'reserve','participant':'stock','operation':'reserve','timeout':'10s',"
    "'input':{'sku':'${input.sku}'},'compensate':{'operation':'release','retry':'patient'}},"
    "{'name':'charge','participant':'pay','operation':'charge','kind':'pivot'}]}";

/* White space, the order of members, escapes and the version make no difference. */
START_TEST(the_same)
{
    assert_diff(base, base, "");
    assert_diff("{'name':'a','version':1,'steps':[{'name':'s','x':[1,{'b':2,'c':3}]}]}",
                "{ 'version': 2,\n 'steps': [ {'x': [1, {'c':3,'b':2}], 'name': '\\u0073'} ],"
                "'name':'a'}",
                "");
    assert_diff("{}", "{}", "");
}
END_TEST

/* Each field that is new, gone or other, with its whole name; values as they stand. */
START_TEST(fields)
{
    assert_diff(base,
                "{'name':'order','version':4,'mode':'2pc_then_saga','prepare_timeout':'5s',"
                "'input_schema':{'type':'object','required':['id','sku'],'properties':{'amount':{"
                "'minimum':0},'sku':{'type':'string'}}},"
                "'retries':{'patient':{'interval':'1s','max_attempts':5}},'steps':["
                "{'name':'reserve','participant':'stock','operation':'reserve','timeout':'20s',"
                "'input':{'sku':'${input.sku}','n':1},'compensate':{'operation':'release'}},"
                "{'name':'charge','participant':'pay','operation':'charge','kind':'pivot'}]}",
                "changed  mode: 'saga' -> '2pc_then_saga'\n"
                "removed  timeout: '15m'\n"
                "changed  input_schema.required: ['id'] -> ['id','sku']\n"
                "changed  input_schema.properties.amount.minimum: 1 -> 0\n"
                "added    input_schema.properties.sku: {'type':'string'}\n"
                "changed  retries.patient.max_attempts: 0 -> 5\n"
                "added    prepare_timeout: '5s'\n"
                "changed  step reserve, timeout: '10s' -> '20s'\n"
                "added    step reserve, input.n: 1\n"
                "removed  step reserve, compensate.retry: 'patient'\n");
}
END_TEST

/* Steps are found by name: new ones are shown with their fields, and another order is told. */
START_TEST(steps)
{
    assert_diff("{'steps':[{'name':'a','x':1},{'name':'b'},{'name':'c'}]}",
                "{'steps':[{'name':'c'},{'name':'new','participant':'p','after':['c']},"
                "{'name':'a','x':2}]}",
                "changed  step a, x: 1 -> 2\n"
                "removed  step b\n"
                "added    step new: participant 'p', after ['c']\n"
                "changed  order of steps: ['a','c'] -> ['c','a']\n");
}
END_TEST

/* A type that changed is a change, also where it looks alike; an object in place of another value
 * is one change. */
START_TEST(types)
{
    assert_diff("{'a':1,'b':{'c':1},'d':[1,2],'e':null,'f':1}",
                "{'a':'1','b':2,'d':[1],'e':false,'f':1.0}",
                "changed  a: 1 -> '1'\n"
                "changed  b: {'c':1} -> 2\n"
                "changed  d: [1,2] -> [1]\n"
                "changed  e: null -> false\n"
                "changed  f: 1 -> 1.0\n");
    assert_diff("{'a':[ 1,\n 2 ]}", "{'a':{ 'b c' : ' \\' ' } }",
                "changed  a: [1,2] -> {'b c':' \\' '}\n");
}
END_TEST

/* What is no definition at all is compared as far as it goes, and does no harm to a terminal. */
START_TEST(odd)
{
    assert_diff("{'steps':7}", "{'steps':[{'x':1},2]}",
                "added    step null: x 1\n"
                "added    step null\n");
    assert_diff("{'a\\u001b':'\\u009b2J'}", "{}", "removed  a\\u001b: '\\u009b2J'\n");
}
END_TEST

/* A long value is cut between characters and says how long it is. */
START_TEST(long_values)
{
    BUFFER_SCOPED struct buffer from = {0};
    DIFF_SCOPED struct diff diff = {.count = 0};
    buffer_append_text(&from, "{\"a\":\"x");
    for (unsigned i = 0; i < DIFF_VALUE_BYTES_MAX; i++)
        buffer_append_text(&from, "\xc3\xa4");
    buffer_append_text(&from, "\"}");
    diff_definitions(buffer_span(&from), span_of("{}"), &diff);
    const char *text = buffer_text(&diff.lines);
    ck_assert_ptr_nonnull(strstr(text, "\xc3\xa4... (323 bytes)\n"));
    ck_assert_uint_lt(diff.lines.len, DIFF_VALUE_BYTES_MAX + 50);
}
END_TEST

TCase *diff_tests(void)
{
    TCase *tests = tcase_create("diff");
    tcase_add_test(tests, the_same);
    tcase_add_test(tests, fields);
    tcase_add_test(tests, steps);
    tcase_add_test(tests, types);
    tcase_add_test(tests, odd);
    tcase_add_test(tests, long_values);
    return tests;
}
