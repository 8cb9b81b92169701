/* tests.h: the unit tests of troth-postgres' file of operations. */
#ifndef UNIT_POSTGRES_TESTS_H
#define UNIT_POSTGRES_TESTS_H

#include <check.h>

TCase *corpus_tests(void);
TCase *text_tests(void);

#endif
