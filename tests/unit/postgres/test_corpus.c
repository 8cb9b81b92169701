/* test_corpus.c: every file of tests/corpus/operations says exactly what stands beside it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <file.h>

#include "tests.h"

#define CORPUS "../../corpus/operations"

static bool file_read(const char *path, struct buffer *ret_text)
{
    FILE *from = fopen(path, "rb");
    char piece[4096];
    size_t len;
    if (from == NULL)
        return false;
    while ((len = fread(piece, 1, sizeof piece, from)) > 0)
        buffer_append(ret_text, piece, len);
    ck_assert_int_eq(fclose(from), 0);
    return true;
}

static void one_check(const char *folder, const char *name, bool good)
{
    BUFFER_SCOPED struct buffer text = {0}, wanted = {0}, found = {0};
    char path[512];
    (void)snprintf(path, sizeof path, CORPUS "/%s/%s", folder, name);
    ck_assert(file_read(path, &text));
    (void)snprintf(path, sizeof path, CORPUS "/%s/%.*s.expected", folder,
                   (int)(strlen(name) - strlen(".json")), name);
    ck_assert_msg(file_read(path, &wanted) || good, "%s is not there", path);
    struct file *file = file_create(buffer_span(&text));
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(file_parse(file), 0);
    file_say(file, name, &found);
    buffer_append_char(&wanted, '\0');
    buffer_append_char(&found, '\0');
    ck_assert_str_eq(found.data, wanted.data);
    ck_assert_int_eq(file->faults.errors == 0, good);
    file_destroy(file);
}

static unsigned folder_check(const char *folder, bool good)
{
    char path[512];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, CORPUS "/%s", folder);
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        one_check(folder, entry->d_name, good);
        count++;
    }
    ck_assert_int_eq(closedir(dir), 0);
    return count;
}

START_TEST(bad_files_are_refused_with_exactly_these_faults)
{
    ck_assert_uint_ge(folder_check("bad", false), 38);
}
END_TEST

START_TEST(good_files_have_none)
{
    ck_assert_uint_ge(folder_check("good", true), 4);
}
END_TEST

TCase *corpus_tests(void)
{
    TCase *tests = tcase_create("corpus");
    tcase_add_test(tests, bad_files_are_refused_with_exactly_these_faults);
    tcase_add_test(tests, good_files_have_none);
    return tests;
}
