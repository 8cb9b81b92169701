#ifndef TEST_HTTP_SUITES_H
#define TEST_HTTP_SUITES_H

#include <check.h>

Suite *server_suite(void);
Suite *refusals_suite(void);
Suite *exchange_suite(void);
Suite *client_suite(void);
Suite *pool_suite(void);
Suite *names_suite(void);
Suite *destroy_suite(void);
Suite *budget_suite(void);
Suite *tls_suite(void);

#endif
