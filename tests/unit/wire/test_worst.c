/* The worst lines of the batch binding (worst.h). */
#include <string.h>

#include <wire/message.h>

#include "tests.h"
#include <worst.h>

#define GTID "018bcfe5-687b-8007-8000-00c000000063"
#define HEAD "{'op':'prepare','gtid':'" GTID "','branch':1,'attempt':2"

static void unknown_members(struct buffer *line, size_t n)
{
    worst_add(line, HEAD ",'result':'vote','vote':'yes',");
    worst_add_list(line, "'retry_aftes", "':1", n - 40);
    worst_add(line, "}");
}

static void escaped_members(struct buffer *line, size_t n)
{
    worst_add(line, HEAD ",'result':'vote','vote':'yes'");
    worst_add_times(line, ",'\\u0070rticipan':1", (n - 200) / 20);
    worst_add(line, "}");
}

static void long_output(struct buffer *line, size_t n)
{
    worst_add(line, HEAD ",'result':'vote','vote':'yes','output':[1");
    worst_add_times(line, ",{}", (n / 2 - 200) / 3);
    worst_add(line, "]}");
}

static void long_reason(struct buffer *line, size_t n)
{
    worst_add(line, HEAD ",'result':'refused','reason':'");
    worst_add_times(line, "\\u00e9", (n - 200) / 6);
    worst_add(line, "'}");
}

static const struct {
    const char *name;
    void (*make)(struct buffer *line, size_t n);
} cases[] = {{"unknown_members", unknown_members},
             {"escaped_members", escaped_members},
             {"long_output", long_output},
             {"long_reason", long_reason}};

static void run(void *arg)
{
    const struct buffer *line = arg;
    struct buffer scratch = {0};
    struct result result;
    const char *why = "";
    int error = message_result_parse(buffer_span(line), &scratch, &result, &why);
    ck_assert_msg(error == 0, "%s", why);
    buffer_finish(&scratch);
}

static uint64_t measure(int which, size_t n)
{
    struct buffer line = {0};
    cases[which].make(&line, n);
    ck_assert_uint_le(line.len, MESSAGE_LINE_MAX);
    uint64_t took = worst_measure(run, &line);
    buffer_finish(&line);
    return took;
}

START_TEST(the_worst_line_is_read_in_milliseconds)
{
    uint64_t half = measure(_i, MESSAGE_LINE_MAX / 2);
    worst_judge(cases[_i].name, half, measure(_i, MESSAGE_LINE_MAX));
}
END_TEST

TCase *worst_tests(void)
{
    TCase *tests = tcase_create("worst");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, the_worst_line_is_read_in_milliseconds, 0,
                        sizeof cases / sizeof cases[0]);
    return tests;
}
