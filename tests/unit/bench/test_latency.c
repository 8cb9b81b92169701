/* test_latency.c: what the bench's histogram tells is what was counted, to its error. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"

#define SAMPLES 20000u

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of random values of every size, against the sorted values themselves. */
START_TEST(a_percentile_is_told_to_one_in_256)
{
    static struct latencies latencies;
    static uint64_t us[SAMPLES];
    static const uint64_t thousandths[] = {1, 10, 250, 500, 900, 990, 999, 1000};
    uint64_t random = 88172645463325252u;
    memset(&latencies, 0, sizeof latencies);
    for (size_t i = 0; i < SAMPLES; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        us[i] = random >> (32 + random % 32);
        latencies_add(&latencies, us[i]);
    }
    qsort(us, SAMPLES, sizeof *us, compare);
    for (size_t i = 0; i < sizeof thousandths / sizeof thousandths[0]; i++) {
        double exact = (double)us[(SAMPLES * thousandths[i] + 999) / 1000 - 1];
        double told = latencies_per_mille(&latencies, thousandths[i]);
        ck_assert_double_le(told, exact * (1 + 1.0 / 256));
        ck_assert_double_ge(told, exact * (1 - 1.0 / 256));
    }
    ck_assert_uint_eq(latencies.longest_us, us[SAMPLES - 1]);
}
END_TEST

START_TEST(what_is_short_is_told_exactly)
{
    static struct latencies latencies;
    for (uint64_t us = 0; us < LATENCY_EXACT; us++) {
        memset(&latencies, 0, sizeof latencies);
        latencies_add(&latencies, us);
        ck_assert_double_eq(latencies_per_mille(&latencies, 500), (double)us);
    }
}
END_TEST

/* It stays within the histogram, and its length is told all the same. */
START_TEST(what_is_longer_than_the_longest_counts_as_it)
{
    static struct latencies latencies;
    memset(&latencies, 0, sizeof latencies);
    latencies_add(&latencies, UINT64_MAX);
    ck_assert_uint_eq(latencies.buckets[LATENCY_BUCKETS - 1], 1);
    ck_assert_uint_eq(latencies.longest_us, UINT64_MAX);
}
END_TEST

START_TEST(two_histograms_added_are_one)
{
    static struct latencies one, other;
    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    latencies_add(&one, 100);
    latencies_add(&other, 200);
    latencies_add(&other, 200);
    latencies_merge(&one, &other);
    ck_assert_uint_eq(one.count, 3);
    ck_assert_uint_eq(one.longest_us, 200);
    ck_assert_double_eq(latencies_per_mille(&one, 300), 100);
    ck_assert_double_eq(latencies_per_mille(&one, 500), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *tests = tcase_create("latency");
    tcase_add_test(tests, a_percentile_is_told_to_one_in_256);
    tcase_add_test(tests, what_is_short_is_told_exactly);
    tcase_add_test(tests, what_is_longer_than_the_longest_counts_as_it);
    tcase_add_test(tests, two_histograms_added_are_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
