#ifndef TESTS_JOURNAL_SUITES_H
#define TESTS_JOURNAL_SUITES_H

#include <check.h>

TCase *migrate_tests(void);
TCase *hosts_tests(void);
TCase *alive_tests(void);
TCase *footing_tests(void);
TCase *write_tests(void);
TCase *saga_tests(void);
TCase *takeover_tests(void);
TCase *lost_tests(void);
TCase *unknown_tests(void);
TCase *question_tests(void);
TCase *registry_tests(void);
TCase *retention_tests(void);
TCase *rate_tests(void);

#endif
