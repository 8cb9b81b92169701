#include <stdlib.h>

#include "suites.h"

int main(void)
{
    Suite *suite = suite_create("journal");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, migrate_tests());
    suite_add_tcase(suite, hosts_tests());
    suite_add_tcase(suite, footing_tests());
    suite_add_tcase(suite, alive_tests());
    suite_add_tcase(suite, write_tests());
    suite_add_tcase(suite, question_tests());
    suite_add_tcase(suite, registry_tests());
    suite_add_tcase(suite, rate_tests());
    suite_add_tcase(suite, saga_tests());
    suite_add_tcase(suite, takeover_tests());
    suite_add_tcase(suite, unknown_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
