#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "suites.h"

/* They mostly wait, and so they do beside each other (in-parts): what takes as long in each part.
 */
static void add_part(Suite *suite, const char *part, TCase *const cases[], size_t count)
{
    const char *wanted = getenv("TROTH_TEST_PART");
    for (size_t i = 0; i < count && (wanted == NULL || strcmp(wanted, part) == 0); i++) {
        tcase_add_unchecked_fixture(cases[i], world_make_template, NULL);
        suite_add_tcase(suite, cases[i]);
    }
}

#define ADD_PART(suite, part, cases)                                                               \
    add_part((suite), (part), (cases), sizeof(cases) / sizeof((cases)[0]))

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *const unknown[] = {unknown_tests()};
    TCase *const leases[] = {takeover_tests(), alive_tests(), lost_tests()};
    TCase *const rows[] = {migrate_tests(), hosts_tests(),    footing_tests(),
                           write_tests(),   question_tests(), registry_tests(),
                           rate_tests(),    saga_tests(),     retention_tests()};
    SRunner *runner;
    int failed;
    ADD_PART(suite, "1", unknown);
    ADD_PART(suite, "2", leases);
    ADD_PART(suite, "3", rows);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
