#include <stdlib.h>

#include "harness.h"
#include "suites.h"

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *const cases[] = {migrate_tests(), hosts_tests(),    footing_tests(),  alive_tests(),
                            write_tests(),   question_tests(), registry_tests(), rate_tests(),
                            saga_tests(),    takeover_tests(), unknown_tests()};
    SRunner *runner;
    int failed;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_unchecked_fixture(cases[i], world_make_template, NULL);
        suite_add_tcase(suite, cases[i]);
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
