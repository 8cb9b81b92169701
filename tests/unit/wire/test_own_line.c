/* A result in our own spelling is read at a glance; it must mean what the same text means as JSON.
 */
#include <wire/message.h>

#include "tests.h"

static bool same(struct troth_span a, struct troth_span b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* White space in front changes nothing but the spelling. */
static void means_the_same(const char *line, size_t len)
{
    BUFFER_SCOPED struct buffer scratch = {0}, spaced_scratch = {0}, spaced = {0};
    struct result own, other;
    buffer_append_char(&spaced, ' ');
    buffer_append(&spaced, line, len);
    int error = message_result_parse((struct troth_span){line, len}, &scratch, &own, NULL);
    int wanted = message_result_parse(buffer_span(&spaced), &spaced_scratch, &other, NULL);
    ck_assert_msg(error == wanted, "%.*s: %d, and spaced %d", (int)len, line, error, wanted);
    if (error != 0)
        return;
    bool equal = own.op == other.op && troth_gtid_equal(&own.gtid, &other.gtid) &&
                 own.branch == other.branch && own.attempt == other.attempt &&
                 own.result == other.result && own.vote == other.vote && own.state == other.state &&
                 own.retry_after_us == other.retry_after_us && own.said == other.said &&
                 troth_gtid_equal(&own.blocker, &other.blocker) && same(own.output, other.output) &&
                 same(own.reason, other.reason);
    ck_assert_msg(equal, "%.*s means something else when a space is in front", (int)len, line);
}

/* The whole line; cut at every byte; with every byte changed, doubled and left out. */
static void every_change_means_the_same(const char *line, size_t len)
{
    static const char others[] = "\"\\{}[],:0a 9\x80";
    char text[600];
    ck_assert_uint_lt(len + 1, sizeof text);
    means_the_same(line, len);
    for (size_t i = 0; i < len; i++) {
        means_the_same(line, i);
        for (size_t j = 0; j + 1 < sizeof others; j++) {
            memcpy(text, line, len);
            text[i] = others[j];
            means_the_same(text, len);
        }
        memcpy(text, line, i);
        memcpy(text + i, line + i + 1, len - i - 1);
        means_the_same(text, len - 1);
        memcpy(text, line, i + 1);
        memcpy(text + i + 1, line + i, len - i);
        means_the_same(text, len + 1);
    }
}

/* Whatever we write of a result: every op, result, vote and state, with and without an output. */
START_TEST(what_is_written_is_read_as_json_is)
{
    static const char *const outputs[] = {NULL, "{\"balance\":9007199254740993, \"e\":1e400}", "[]",
                                          "\"\\ud800\"", "null"};
    BUFFER_SCOPED struct buffer line = {0};
    struct result result = {.branch = 9999, .attempt = 1};
    ck_assert_int_eq(troth_gtid_parse("018bcfe5-687b-8007-8000-00c000000063", 36, &result.gtid), 0);
    result.op = (enum message_op)_i;
    for (unsigned what = 0; what < RESULT_COUNT; what++)
        for (unsigned state = 0; state < BRANCH_IS_COUNT; state++)
            for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
                result.result = (enum message_result)what;
                result.vote = state % 2 == 0 ? VOTE_YES : VOTE_READ_ONLY;
                result.state = (enum message_state)state;
                result.output =
                    outputs[i] == NULL ? (struct troth_span){NULL, 0} : span_of(outputs[i]);
                buffer_clear(&line);
                message_result_append(&line, &result);
                means_the_same(line.data, line.len - 1);
                if (state < 2 && i < 2)
                    every_change_means_the_same(line.data, line.len - 1);
            }
}
END_TEST

/* Members that are not ours, other orders and other spellings of the same are read as they were. */
START_TEST(other_spellings_are_read_too)
{
    static const char *const lines[] = {
        "{\"op\":\"commit\",\"gtid\":\"018bcfe5-687b-8007-8000-00c000000063\",\"branch\":1,"
        "\"attempt\":1,"
        "\"result\":\"done\",\"state\":\"committed\",\"newer\":true}",
        "{\"op\":\"commit\",\"gtid\":\"018bcfe5-687b-8007-8000-00c000000063\",\"branch\":1,"
        "\"attempt\":1,"
        "\"result\":\"done\",\"output\":{},\"state\":\"committed\"}",
        "{\"op\":\"commit\",\"gtid\":\"018bcfe5-687b-8007-8000-00c000000063\",\"branch\":1,"
        "\"attempt\":1,"
        "\"result\":\"d\\u006fne\",\"state\":\"committed\"}",
        "{\"op\":\"commit\",\"gtid\":\"018bcfe5-687b-8007-8000-00c000000063\",\"branch\":1,"
        "\"attempt\":1,"
        "\"result\":\"done\",\"state\":\"committed\" }",
    };
    BUFFER_SCOPED struct buffer scratch = {0};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct result result;
        ck_assert_int_eq(message_result_parse(span_of(lines[i]), &scratch, &result, NULL), 0);
        ck_assert_int_eq(result.state, BRANCH_IS_COMMITTED);
        means_the_same(lines[i], strlen(lines[i]));
    }
}
END_TEST

TCase *own_line_tests(void)
{
    TCase *tests = tcase_create("own_line");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_is_written_is_read_as_json_is, 0, OP_COUNT);
    tcase_add_test(tests, other_spellings_are_read_too);
    return tests;
}
