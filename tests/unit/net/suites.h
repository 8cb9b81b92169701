#ifndef TEST_NET_SUITES_H
#define TEST_NET_SUITES_H

#include <check.h>

Suite *batch_suite(void);
Suite *rest_suite(void);
Suite *slots_suite(void);
Suite *elsewhere_suite(void);
Suite *line_suite(void);
Suite *token_suite(void);
Suite *reach_suite(void);

#endif
