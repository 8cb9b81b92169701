#include <stdlib.h>
#include <string.h>

#include "tests.h"

struct definition *parsed(const char *text)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer list = {0};
    int r = definition_parse(span_of(text), &faults, &definition);
    faults_format(&faults, "text", &list);
    ck_assert_msg(r == 0, "%s", buffer_text(&list));
    buffer_finish(&list);
    faults_finish(&faults);
    return definition;
}

int main(void)
{
    Suite *suite = suite_create("definition");
    suite_add_tcase(suite, tests_of_corpus());
    suite_add_tcase(suite, tests_of_parsing());
    suite_add_tcase(suite, tests_of_rendering());
    suite_add_tcase(suite, tests_of_inputs());
    suite_add_tcase(suite, tests_of_worst());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
