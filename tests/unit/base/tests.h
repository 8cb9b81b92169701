/* tests.h: what the files of this executable share. */
#ifndef UNIT_BASE_TESTS_H
#define UNIT_BASE_TESTS_H

#include <check.h>
#include <given.h>

TCase *error_tests(void);
TCase *span_tests(void);
TCase *number_tests(void);
TCase *buffer_tests(void);
TCase *duration_tests(void);
TCase *clock_tests(void);
TCase *now_tests(void);
TCase *json_check_tests(void);
TCase *json_read_tests(void);
TCase *json_string_tests(void);
TCase *json_random_tests(void);
TCase *tree_tests(void);
TCase *worst_tests(void);

#endif
