/* unit_api: the client API over real loopback HTTP, with a scripted host behind it. */
#include <stdlib.h>

#include "fixture.h"

int main(void)
{
    SRunner *runner = srunner_create(transactions_suite());
    srunner_add_suite(runner, by_hand_suite());
    srunner_add_suite(runner, branches_suite());
    srunner_add_suite(runner, events_suite());
    srunner_add_suite(runner, list_suite());
    srunner_add_suite(runner, definitions_suite());
    srunner_add_suite(runner, participants_suite());
    srunner_add_suite(runner, asides_suite());
    srunner_add_suite(runner, router_suite());
    srunner_add_suite(runner, limits_suite());
    srunner_add_suite(runner, leaving_suite());
    srunner_add_suite(runner, openapi_suite());
    srunner_add_suite(runner, scopes_suite());
    srunner_add_suite(runner, pass_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
