/* test_corpus.c: every file of tests/corpus/definition says exactly what stands beside it. */
#include <stdlib.h>

#include "corpus.h"
#include "tests.h"

#define CORPUS "../../corpus/definition/"

static bool say(struct troth_span text, const char *name, struct buffer *said)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    int r = definition_parse(text, &faults, &definition);
    faults_format(&faults, name, said);
    const bool good = faults.errors == 0;
    ck_assert_int_eq(r, good ? 0 : TROTH_ERROR_SYNTAX);
    definition_destroy(definition);
    faults_finish(&faults);
    return good;
}

START_TEST(bad_files_are_refused_with_exactly_these_faults)
{
    ck_assert_uint_ge(corpus_check(CORPUS "bad", false, say), 60);
}
END_TEST

START_TEST(good_files_are_taken_with_exactly_these_warnings)
{
    ck_assert_uint_ge(corpus_check(CORPUS "good", true, say), 10);
}
END_TEST

/* No prefix of a good file crashes the parser, and none but the whole is taken for one. */
START_TEST(a_file_cut_short_anywhere_is_refused)
{
    struct buffer text = {0};
    ck_assert(corpus_read(CORPUS "good/order_checkout.json", &text));
    while (text.len > 0 && text.data[text.len - 1] != '}')
        text.len--;
    for (size_t len = 0; len < text.len; len++) {
        struct faults faults = {0};
        struct definition *definition = NULL;
        /* A copy without slack, so that the sanitizer sees a read behind the end. */
        char *copy = malloc(len + 1);
        memcpy(copy, text.data, len);
        ck_assert_int_eq(definition_parse((struct troth_span){copy, len}, &faults, &definition),
                         TROTH_ERROR_SYNTAX);
        ck_assert_uint_eq(faults.errors, 1);
        faults_finish(&faults);
        free(copy);
    }
    buffer_finish(&text);
}
END_TEST

TCase *tests_of_corpus(void)
{
    TCase *tests = tcase_create("corpus");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bad_files_are_refused_with_exactly_these_faults);
    tcase_add_test(tests, good_files_are_taken_with_exactly_these_warnings);
    tcase_add_test(tests, a_file_cut_short_anywhere_is_refused);
    return tests;
}
