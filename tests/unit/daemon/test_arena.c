/* The arena: what is put in stays as it is until the end, whatever comes behind it. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arena.h>

#include "suites.h"

START_TEST(copies_stay_while_it_grows)
{
    struct arena arena = {0};
    bool failed = false;
    struct troth_span kept[500];
    char text[64];
    for (int i = 0; i < 500; i++) {
        int len = snprintf(text, sizeof text, "value %d of several chunks", i);
        kept[i] = arena_copy(&arena, (struct troth_span){text, (size_t)len}, &failed);
    }
    ck_assert(!failed);
    for (int i = 0; i < 500; i++) {
        int len = snprintf(text, sizeof text, "value %d of several chunks", i);
        ck_assert_uint_eq(kept[i].len, (size_t)len);
        ck_assert_mem_eq(kept[i].data, text, (size_t)len);
    }
    arena_finish(&arena);
}
END_TEST

START_TEST(absent_stays_absent_and_empty_stays_empty)
{
    struct arena arena = {0};
    bool failed = false;
    ck_assert_ptr_null(arena_copy(&arena, (struct troth_span){NULL, 0}, &failed).data);
    ck_assert_ptr_nonnull(arena_copy(&arena, (struct troth_span){"", 0}, &failed).data);
    ck_assert_str_eq(arena_text(&arena, (struct troth_span){"abc", 2}, &failed), "ab");
    ck_assert(!failed);
    arena_finish(&arena);
}
END_TEST

START_TEST(large_pieces_are_aligned_and_zeroed)
{
    struct arena arena = {0};
    unsigned char *small = arena_alloc(&arena, 3);
    unsigned char *large = arena_alloc(&arena, 100000);
    ck_assert_ptr_nonnull(small);
    ck_assert_ptr_nonnull(large);
    ck_assert_uint_eq((uintptr_t)large % 16, 0);
    for (size_t i = 0; i < 100000; i++)
        ck_assert_uint_eq(large[i], 0);
    arena_finish(&arena);
}
END_TEST

Suite *suite_arena(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    tcase_add_test(tests, copies_stay_while_it_grows);
    tcase_add_test(tests, absent_stays_absent_and_empty_stays_empty);
    tcase_add_test(tests, large_pieces_are_aligned_and_zeroed);
    suite_add_tcase(suite, tests);
    return suite;
}
