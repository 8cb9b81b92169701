#include <stdlib.h>

#include "rig.h"

int main(void)
{
    Suite *suite = suite_create("sdk");
    SRunner *runner;
    int failed;
    suite_add_tcase(suite, batch_tests());
    suite_add_tcase(suite, plain_tests());
    suite_add_tcase(suite, callers_tests());
    suite_add_tcase(suite, participant_tests());
    suite_add_tcase(suite, client_tests());
    suite_add_tcase(suite, addresses_tests());
    suite_add_tcase(suite, destroy_tests());
    suite_add_tcase(suite, destroy_participant_tests());
    suite_add_tcase(suite, parts_tests());
    suite_add_tcase(suite, memory_tests());
    suite_add_tcase(suite, sized_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
