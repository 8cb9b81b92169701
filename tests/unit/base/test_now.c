#include <base/now.h>

#include <time.h>

#include "tests.h"

START_TEST(the_clocks_are_the_systems)
{
    /* Between two readings by another way lies what is told. */
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    struct mono mono = mono_now();
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_uint_ge(mono.us, (uint64_t)before.tv_sec * 1000000 + (uint64_t)before.tv_nsec / 1000);
    ck_assert_uint_le(mono.us, (uint64_t)after.tv_sec * 1000000 + (uint64_t)after.tv_nsec / 1000);
    time_t first = time(NULL);
    struct wall wall = wall_now();
    ck_assert_uint_ge(wall.us / 1000000 + 1, (uint64_t)first); /* time() may lag by a tick */
    ck_assert_uint_le(wall.us / 1000000, (uint64_t)time(NULL) + 1);
}
END_TEST

START_TEST(a_wait_keeps_its_microseconds)
{
    struct timeval wait = timeval_of(UINT64_C(90000001));
    ck_assert_int_eq(wait.tv_sec, 90);
    ck_assert_int_eq(wait.tv_usec, 1);
    wait = timeval_of(999999);
    ck_assert_int_eq(wait.tv_sec, 0);
    ck_assert_int_eq(wait.tv_usec, 999999);
    struct timespec rest = timespec_of(UINT64_C(90000001));
    ck_assert_int_eq(rest.tv_sec, 90);
    ck_assert_int_eq(rest.tv_nsec, 1000);
}
END_TEST

TCase *now_tests(void)
{
    TCase *tests = tcase_create("now");
    tcase_add_test(tests, the_clocks_are_the_systems);
    tcase_add_test(tests, a_wait_keeps_its_microseconds);
    return tests;
}
