#include <stdlib.h>

#include "rig.h"

int main(void)
{
    Suite *suite = suite_create("sdk on PostgreSQL");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, guard_tests());
    suite_add_tcase(suite, attempt_tests());
    suite_add_tcase(suite, database_tests());
    suite_add_tcase(suite, scan_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
