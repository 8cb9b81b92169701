/* tests.h: what the files of this executable share. */
#ifndef UNIT_CLI_TESTS_H
#define UNIT_CLI_TESTS_H

#include <check.h>
#include <string.h>

#include <base/buffer.h>
#include <base/json.h>
#include <base/span.h>
#include <tree.h>

TCase *options_tests(void);
TCase *text_tests(void);
TCase *view_tests(void);
TCase *timeline_tests(void);
TCase *call_tests(void);
TCase *stream_tests(void);
TCase *diff_tests(void);

/* A checked text as the tree that the CLI makes of an answer; for TREE_SCOPED. */
static inline cJSON *tree_of(struct troth_span text)
{
    struct troth_span json;
    cJSON *tree = NULL;
    ck_assert_int_eq(json_check(text, JSON_CHECK_KEPT, &json, NULL), 0);
    ck_assert_int_eq(tree_parse(json, &tree), 0);
    return tree;
}

#endif
