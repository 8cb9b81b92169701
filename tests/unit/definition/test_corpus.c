/* test_corpus.c: every file of tests/corpus/definition says exactly what stands beside it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define CORPUS "../../corpus/definition"

/* The whole file, or nothing when there is none. */
static bool file_read(const char *path, struct buffer *ret_text)
{
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t len;
    if (file == NULL)
        return false;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_append(ret_text, piece, len);
    ck_assert_int_eq(fclose(file), 0);
    return true;
}

static void file_check(const char *folder, const char *name, bool good)
{
    char path[512];
    struct buffer text = {0}, wanted = {0}, found = {0};
    struct faults faults = {0};
    struct definition *definition = NULL;
    (void)snprintf(path, sizeof path, CORPUS "/%s/%s", folder, name);
    ck_assert(file_read(path, &text));
    (void)snprintf(path, sizeof path, CORPUS "/%s/%.*s.expected", folder,
                   (int)(strlen(name) - strlen(".json")), name);
    bool expected = file_read(path, &wanted);
    ck_assert_msg(good || expected, "%s is not there", path);
    int r = definition_parse(buffer_span(&text), &faults, &definition);
    faults_format(&faults, name, &found);
    buffer_append_char(&wanted, '\0');
    buffer_append_char(&found, '\0');
    ck_assert_str_eq(found.data, wanted.data);
    ck_assert_int_eq(r, good ? 0 : TROTH_ERROR_SYNTAX);
    ck_assert_int_eq(faults.errors == 0, good);
    definition_destroy(definition);
    faults_finish(&faults);
    buffer_finish(&text);
    buffer_finish(&wanted);
    buffer_finish(&found);
}

static uint32_t folder_check(const char *folder, bool good)
{
    char path[512];
    uint32_t count = 0;
    (void)snprintf(path, sizeof path, CORPUS "/%s", folder);
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        file_check(folder, entry->d_name, good);
        count++;
    }
    ck_assert_int_eq(closedir(dir), 0);
    return count;
}

START_TEST(bad_files_are_refused_with_exactly_these_faults)
{
    ck_assert_uint_ge(folder_check("bad", false), 60);
}
END_TEST

START_TEST(good_files_are_taken_with_exactly_these_warnings)
{
    ck_assert_uint_ge(folder_check("good", true), 10);
}
END_TEST

/* No prefix of a good file crashes the parser, and none but the whole is taken for one. */
START_TEST(a_file_cut_short_anywhere_is_refused)
{
    struct buffer text = {0};
    ck_assert(file_read(CORPUS "/good/order_checkout.json", &text));
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
