/* The worst texts for what every text from outside goes through (worst.h). */
#include <base/json.h>
#include <base/tree.h>

#include <string.h>

#include "tests.h"
#include <worst.h>

#define MOST (1u << 20) /* bytes of a request or a line */

static void many_names(struct buffer *text, size_t n)
{
    worst_add(text, "{");
    worst_add_list(text, "'", "':1", n - 20);
    worst_add(text, "}");
}

static void escaped_names(struct buffer *text, size_t n)
{
    worst_add(text, "{");
    worst_add_list(text, "'\\u0061 name that is as long as ", "':1", n - 60);
    worst_add(text, "}");
}

static void many_objects(struct buffer *text, size_t n)
{
    worst_add(text, "[{'a':1,'b':2}");
    worst_add_times(text, ",{'a':1,'b':2}", n / 14 - 2);
    worst_add(text, "]");
}

static void deep(struct buffer *text, size_t n)
{
    worst_add_times(text, "[", JSON_DEPTH_MAX - 2);
    worst_add(text, "{'a':[]}");
    worst_add_times(text, ",{}", n / 3 - JSON_DEPTH_MAX);
    worst_add_times(text, "]", JSON_DEPTH_MAX - 2);
}

static void escapes(struct buffer *text, size_t n)
{
    worst_add(text, "'");
    worst_add_times(text, "\\ud83d\\ude00", n / 12 - 1);
    worst_add(text, "'");
}

static void lines(struct buffer *text, size_t n)
{
    worst_add(text, "[");
    worst_add_times(text, "\n", n - 10);
    worst_add(text, "]x");
}

static const struct {
    const char *name;
    void (*make)(struct buffer *text, size_t n);
} cases[] = {{"many_names", many_names},     {"escaped_names", escaped_names},
             {"many_objects", many_objects}, {"deep", deep},
             {"escapes", escapes},           {"lines", lines}};

/* Checked, with the place of what is wrong; as a tree, in which each member is looked up. */
static void run(void *arg)
{
    const struct buffer *text = arg;
    struct json_fault fault;
    struct json_tree tree = {0};
    struct troth_span value;
    uint32_t line, column, found;
    if (json_check(buffer_span(text), JSON_CHECK_UNIQUE_KEYS, &value, &fault) != 0) {
        ck_assert_uint_gt(fault.offset, text->len - 10); /* all of it was read */
        json_position(buffer_span(text), fault.offset, &line, &column);
        return;
    }
    ck_assert_int_eq(json_tree_build(&tree, value), 0);
    bool all = true; /* an assertion of Check's in the loop would cost more than what is measured */
    for (uint32_t i = 1; i < tree.nodes[0].end; i = tree.nodes[i].end)
        if (tree.nodes[i].key_len > 0)
            all = json_tree_member_like(&tree, 0, json_tree_key(&tree, i), &found) && all;
    ck_assert(all);
    struct json_equality how = {.work_max = UINT64_MAX};
    ck_assert(json_tree_equal(&tree, 0, &tree, 0, &how));
    json_tree_finish(&tree);
}

static uint64_t measure(int which, size_t n)
{
    struct buffer text = {0};
    cases[which].make(&text, n);
    ck_assert_uint_le(text.len, MOST);
    uint64_t took = worst_measure(run, &text);
    buffer_finish(&text);
    return took;
}

START_TEST(the_worst_text_is_read_in_milliseconds)
{
    uint64_t half = measure(_i, MOST / 2);
    worst_judge(cases[_i].name, half, measure(_i, MOST));
}
END_TEST

TCase *worst_tests(void)
{
    TCase *tests = tcase_create("worst");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, the_worst_text_is_read_in_milliseconds, 0,
                        sizeof cases / sizeof cases[0]);
    return tests;
}
