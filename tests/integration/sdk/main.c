#include <stdlib.h>

#include "rig.h"

static void queries_only_on(void)
{
    rig_queries_only = true;
}

static void queries_only_off(void)
{
    rig_queries_only = false;
}

static TCase *with_queries_only(TCase *tests)
{
    tcase_add_unchecked_fixture(tests, queries_only_on, queries_only_off);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("sdk on PostgreSQL");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, guard_tests());
    suite_add_tcase(suite, attempt_tests());
    suite_add_tcase(suite, conflict_tests());
    suite_add_tcase(suite, database_tests());
    if (getenv("TROTH_SDK_ONCE") == NULL) { /* under ThreadSanitizer: one way is enough */
        suite_add_tcase(suite, with_queries_only(guard_tests()));
        suite_add_tcase(suite, with_queries_only(attempt_tests()));
        suite_add_tcase(suite, with_queries_only(conflict_tests()));
        suite_add_tcase(suite, with_queries_only(database_tests()));
        suite_add_tcase(suite, with_queries_only(silent_tests()));
    }
    suite_add_tcase(suite, scan_tests());
    suite_add_tcase(suite, silent_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
