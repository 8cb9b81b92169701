#include <stdlib.h>

#include "tests.h"

int main(void)
{
    Suite *suite = suite_create("wire");
    suite_add_tcase(suite, id_tests());
    suite_add_tcase(suite, message_tests());
    suite_add_tcase(suite, message_refused_tests());
    suite_add_tcase(suite, own_line_tests());
    suite_add_tcase(suite, worst_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
