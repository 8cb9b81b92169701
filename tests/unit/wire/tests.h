/* tests.h: what the files of this executable share. */
#ifndef UNIT_WIRE_TESTS_H
#define UNIT_WIRE_TESTS_H

#include <check.h>
#include <given.h>

TCase *id_tests(void);
TCase *message_tests(void);
TCase *message_refused_tests(void);
TCase *own_line_tests(void);
TCase *worst_tests(void);

#endif
