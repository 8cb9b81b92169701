#include <stdlib.h>

#include "suites.h"

int main(void)
{
    SRunner *runner = srunner_create(batch_suite());
    srunner_add_suite(runner, rest_suite());
    srunner_add_suite(runner, slots_suite());
    srunner_add_suite(runner, elsewhere_suite());
    srunner_add_suite(runner, line_suite());
    srunner_add_suite(runner, token_suite());
    srunner_add_suite(runner, reach_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
