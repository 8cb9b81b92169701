/* Unit tests of daemon/. */
#include <stdlib.h>

#include "suites.h"

int main(void)
{
    SRunner *runner = srunner_create(suite_config());
    srunner_add_suite(runner, suite_arena());
    srunner_add_suite(runner, suite_entry());
    srunner_add_suite(runner, suite_watch());
    srunner_add_suite(runner, suite_metrics());
    srunner_add_suite(runner, suite_listing());
    srunner_add_suite(runner, suite_waiting());
    srunner_add_suite(runner, suite_learn());
    srunner_add_suite(runner, suite_gate());
    srunner_add_suite(runner, suite_admission());
    srunner_add_suite(runner, suite_seats());
    srunner_add_suite(runner, suite_room());
    srunner_add_suite(runner, suite_driving());
    srunner_add_suite(runner, suite_asking());
    srunner_add_suite(runner, suite_recovery());
    srunner_add_suite(runner, suite_commanding());
    srunner_add_suite(runner, suite_settling());
    srunner_add_suite(runner, suite_neighbours());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
