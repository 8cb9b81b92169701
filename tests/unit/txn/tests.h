#ifndef TESTS_H
#define TESTS_H

#include <check.h>

TCase *two_phase_tests(void);
TCase *one_phase_tests(void);
TCase *interactive_tests(void);
TCase *recover_tests(void);
TCase *inquire_tests(void);
TCase *text_tests(void);
TCase *table_tests(void);
TCase *by_hand_tests(void);
TCase *saga_tests(void);
TCase *fallback_tests(void);
TCase *proof_tests(void);
TCase *conflict_tests(void);
TCase *timer_tests(void);
TCase *leave_tests(void);
TCase *doubt_tests(void);

#endif
