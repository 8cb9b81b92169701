/* corpus.h: folders of files, each of which says exactly what stands beside it in NAME.expected;
 * without one it says nothing. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/buffer.h>

/* Appends what is said of a file's text; false: it is wrong. */
typedef bool (*corpus_say)(struct troth_span text, const char *name, struct buffer *ret_said);

/* The whole file, or nothing when there is none. */
static bool corpus_read(const char *path, struct buffer *ret_text)
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

static void corpus_check_file(const char *folder, const char *name, bool good, corpus_say say)
{
    BUFFER_SCOPED struct buffer text = {0}, wanted = {0}, said = {0};
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert(corpus_read(path, &text));
    (void)snprintf(path, sizeof path, "%s/%.*s.expected", folder,
                   (int)(strlen(name) - strlen(".json")), name);
    ck_assert_msg(corpus_read(path, &wanted) || good, "%s is not there", path);
    ck_assert_int_eq(say(buffer_span(&text), name, &said), good);
    buffer_append_char(&wanted, '\0');
    buffer_append_char(&said, '\0');
    ck_assert_str_eq(said.data, wanted.data);
}

/* Every NAME.json of the folder; how many there are. */
static uint32_t corpus_check(const char *folder, bool good, corpus_say say)
{
    uint32_t count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        corpus_check_file(folder, entry->d_name, good, say);
        count++;
    }
    ck_assert_int_eq(closedir(dir), 0);
    return count;
}

#endif
