/* Memory that runs out, at each allocation in turn: nothing crashes, nothing leaks, no result is
 * wrong, and another try succeeds. */
#include <stdlib.h>

#include "failing.h"

int main(void)
{
    Suite *suite = suite_create("memory");
    suite_add_tcase(suite, parsers_tests());
    suite_add_tcase(suite, core_tests());
    suite_add_tcase(suite, http_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
