#include <stdlib.h>

#include "suites.h"

int main(void)
{
    SRunner *runner = srunner_create(server_suite());
    srunner_add_suite(runner, refusals_suite());
    srunner_add_suite(runner, exchange_suite());
    srunner_add_suite(runner, client_suite());
    srunner_add_suite(runner, pool_suite());
    srunner_add_suite(runner, names_suite());
    srunner_add_suite(runner, destroy_suite());
    srunner_add_suite(runner, budget_suite());
    srunner_add_suite(runner, tls_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
