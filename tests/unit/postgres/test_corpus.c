/* test_corpus.c: every file of tests/corpus/operations says exactly what stands beside it. */
#include <file.h>

#include "corpus.h"
#include "tests.h"

#define CORPUS "../../corpus/operations/"

static bool say(struct troth_span text, const char *name, struct buffer *said)
{
    struct file *file = file_create(text);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(file_parse(file), 0);
    file_say(file, name, said);
    const bool good = file->faults.errors == 0;
    file_destroy(file);
    return good;
}

START_TEST(bad_files_are_refused_with_exactly_these_faults)
{
    ck_assert_uint_ge(corpus_check(CORPUS "bad", false, say), 38);
}
END_TEST

START_TEST(good_files_have_none)
{
    ck_assert_uint_ge(corpus_check(CORPUS "good", true, say), 4);
}
END_TEST

TCase *corpus_tests(void)
{
    TCase *tests = tcase_create("corpus");
    tcase_add_test(tests, bad_files_are_refused_with_exactly_these_faults);
    tcase_add_test(tests, good_files_have_none);
    return tests;
}
