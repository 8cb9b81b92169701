#include <stdlib.h>

#include "tests.h"

int main(void)
{
    Suite *suite = suite_create("postgres");
    suite_add_tcase(suite, corpus_tests());
    suite_add_tcase(suite, text_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
