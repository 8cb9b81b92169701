#include <stdlib.h>

#include "tests.h"

int main(void)
{
    Suite *suite = suite_create("txn");
    suite_add_tcase(suite, two_phase_tests());
    suite_add_tcase(suite, one_phase_tests());
    suite_add_tcase(suite, interactive_tests());
    suite_add_tcase(suite, recover_tests());
    suite_add_tcase(suite, inquire_tests());
    suite_add_tcase(suite, text_tests());
    suite_add_tcase(suite, table_tests());
    suite_add_tcase(suite, by_hand_tests());
    suite_add_tcase(suite, saga_tests());
    suite_add_tcase(suite, fallback_tests());
    suite_add_tcase(suite, proof_tests());
    suite_add_tcase(suite, conflict_tests());
    suite_add_tcase(suite, timer_tests());
    suite_add_tcase(suite, leave_tests());
    suite_add_tcase(suite, doubt_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
