#include <stdlib.h>

#include "tests.h"

int main(void)
{
    Suite *suite = suite_create("base");
    suite_add_tcase(suite, error_tests());
    suite_add_tcase(suite, span_tests());
    suite_add_tcase(suite, number_tests());
    suite_add_tcase(suite, buffer_tests());
    suite_add_tcase(suite, duration_tests());
    suite_add_tcase(suite, clock_tests());
    suite_add_tcase(suite, now_tests());
    suite_add_tcase(suite, json_check_tests());
    suite_add_tcase(suite, json_read_tests());
    suite_add_tcase(suite, json_string_tests());
    suite_add_tcase(suite, json_random_tests());
    suite_add_tcase(suite, tree_tests());
    suite_add_tcase(suite, worst_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
