#include <base/hash.h>
#include <base/json.h>
#include <base/span.h>
#include <base/tree.h>

#include <stdio.h>
#include <string.h>

#include "tests.h"

/* ' stands for ". */
static struct troth_span read(const char *quoted, struct buffer *ret_text)
{
    struct troth_span value;
    for (; *quoted != '\0'; quoted++)
        buffer_append_char(ret_text, *quoted == '\'' ? '"' : *quoted);
    ck_assert_int_eq(json_check(buffer_span(ret_text), JSON_CHECK_DEFAULT, &value, NULL), 0);
    return value;
}

static void assert_span(struct troth_span span, const char *text)
{
    ck_assert_uint_eq(span.len, strlen(text));
    ck_assert_mem_eq(span.data, text, span.len);
}

/* A member by its name, an element by its number: its text; "": there is none. */
static void assert_found(struct json_tree *tree, uint32_t node, const char *name, const char *want)
{
    uint32_t found = 0;
    bool there = name[0] >= '0' && name[0] <= '9'
                     ? json_tree_element(tree, node, (uint32_t)(name[0] - '0'), &found)
                     : json_tree_member(tree, node, span_of(name), &found);
    ck_assert(there == (want[0] != '\0'));
    if (there)
        assert_span(json_tree_value(tree, found), want);
}

START_TEST(a_tree_has_each_value_with_its_text)
{
    struct buffer text = {0};
    struct json_tree tree = {0};
    ck_assert_int_eq(
        json_tree_build(&tree,
                        read(" { 'a' : [ 1 , 'x]' , { } ] , 'b\\u0063':-1e5, 'd':[] } ", &text)),
        0);
    ck_assert_uint_eq(tree.count, 7);
    ck_assert_uint_eq(tree.nodes[0].count, 3);
    ck_assert_uint_eq(tree.nodes[0].end, 7);
    assert_span(json_tree_key(&tree, 1), "\"a\"");
    assert_span(json_tree_value(&tree, 1), "[ 1 , \"x]\" , { } ]");
    ck_assert_ptr_null(json_tree_key(&tree, 2).data);
    ck_assert_uint_eq(tree.nodes[1].end, 5);
    assert_found(&tree, 0, "bc", "-1e5");
    assert_found(&tree, 0, "c", "");
    assert_found(&tree, 0, "d", "[]");
    assert_found(&tree, 1, "1", "\"x]\"");
    assert_found(&tree, 1, "2", "{ }");
    assert_found(&tree, 1, "3", "");
    assert_found(&tree, 0, "0", ""); /* an object has no elements */
    assert_found(&tree, 1, "a", ""); /* and an array no members */
    assert_found(&tree, 5, "a", "");
    /* Another text, and the memory is used again. */
    buffer_clear(&text);
    ck_assert_int_eq(json_tree_build(&tree, read("7", &text)), 0);
    ck_assert_uint_eq(tree.count, 1);
    json_tree_finish(&tree);
    buffer_finish(&text);
}
END_TEST

/* Enough of them that they are hashed. */
START_TEST(one_of_many_members_is_found_by_its_name_and_the_last_of_two_counts)
{
    struct buffer text = {0};
    struct json_tree tree = {0};
    char name[32], want[32];
    buffer_append_text(&text, "{\"m7\":\"first\"");
    for (unsigned i = 0; i < 1000; i++)
        buffer_append_format(&text, ",\"\\u006d%u\":%u", i, i);
    buffer_append_char(&text, '}');
    ck_assert_int_eq(json_tree_build(&tree, buffer_span(&text)), 0);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "m%u", i);
        (void)snprintf(want, sizeof want, "%u", i);
        assert_found(&tree, 0, name, want);
    }
    assert_found(&tree, 0, "m1000", "");
    json_tree_finish(&tree);
    buffer_finish(&text);
}
END_TEST

static bool alike(struct troth_span a, struct troth_span b)
{
    return a.len > 0 && b.len > 0;
}

static void assert_equal(const char *a, const char *b, bool by_text, bool otherwise)
{
    struct buffer a_text = {0}, b_text = {0};
    struct json_tree x = {0}, y = {0};
    struct json_equality how = {.work_max = 1000};
    ck_assert_int_eq(json_tree_build(&x, read(a, &a_text)), 0);
    ck_assert_int_eq(json_tree_build(&y, read(b, &b_text)), 0);
    ck_assert(json_tree_equal(&x, 0, &y, 0, &how) == by_text);
    ck_assert(json_tree_equal(&y, 0, &x, 0, &how) == by_text);
    how.numbers = alike;
    ck_assert(json_tree_equal(&x, 0, &y, 0, &how) == otherwise);
    json_tree_finish(&x);
    json_tree_finish(&y);
    buffer_finish(&a_text);
    buffer_finish(&b_text);
}

START_TEST(values_are_equal_in_whatever_order_and_however_they_are_escaped)
{
    assert_equal("{'a':1,'b':[true,null]}", "{ 'b':[ true,null ], '\\u0061':1 }", true, true);
    assert_equal("{'a':1}", "{'a':1.0}", false, true);
    assert_equal("{'a':1}", "{'a':1,'b':2}", false, false);
    assert_equal("{'a':1}", "{'b':1}", false, false);
    assert_equal("[1,2]", "[2,1]", false, true);
    assert_equal("[1]", "[1,1]", false, false);
    assert_equal("'a\\n'", "'\\u0061\\u000a'", true, true);
    assert_equal("[]", "{}", false, false);
    assert_equal("null", "false", false, false);
}
END_TEST

START_TEST(a_comparison_ends_where_it_may_not_go_on)
{
    struct buffer text = {0};
    struct json_tree tree = {0};
    struct json_equality how = {.work_max = 4};
    ck_assert_int_eq(json_tree_build(&tree, read("[1,2,3,4,5]", &text)), 0);
    (void)json_tree_equal(&tree, 0, &tree, 0, &how);
    ck_assert_uint_gt(how.work, how.work_max);
    ck_assert_uint_le(how.work, how.work_max + 1);
    json_tree_finish(&tree);
    buffer_finish(&text);
}
END_TEST

START_TEST(a_hash_is_of_all_bytes_and_of_their_order)
{
    const char bytes[] = "abcdefghijklmnopq";
    for (size_t i = 0; i < sizeof bytes; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert(hash_span((struct troth_span){bytes, i}) !=
                      hash_span((struct troth_span){bytes, k}));
    ck_assert(hash_span((struct troth_span){"ab", 2}) != hash_span((struct troth_span){"ba", 2}));
    ck_assert(hash_span((struct troth_span){"a\0", 2}) != hash_span((struct troth_span){"a", 1}));
    ck_assert(hash_pair(1, 2) != hash_pair(2, 1));
    ck_assert(hash_pair(1, 2) == hash_pair(1, 2));
}
END_TEST

TCase *tree_tests(void)
{
    TCase *tests = tcase_create("tree");
    tcase_add_test(tests, a_tree_has_each_value_with_its_text);
    tcase_add_test(tests, one_of_many_members_is_found_by_its_name_and_the_last_of_two_counts);
    tcase_add_test(tests, values_are_equal_in_whatever_order_and_however_they_are_escaped);
    tcase_add_test(tests, a_comparison_ends_where_it_may_not_go_on);
    tcase_add_test(tests, a_hash_is_of_all_bytes_and_of_their_order);
    return tests;
}
