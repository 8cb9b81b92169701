#include <stdlib.h>

#include "rig.h"

static void queries_only(void)
{
    rig_way = RIG_QUERIES_ONLY;
}

static void statement(void)
{
    rig_way = RIG_STATEMENT;
}

static void function(void)
{
    rig_way = RIG_FUNCTION;
}

static void add_all(Suite *suite, void (*way)(void))
{
    TCase *const cases[] = {guard_tests(), attempt_tests(), conflict_tests(), database_tests(),
                            silent_tests()};
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_unchecked_fixture(cases[i], way, function);
        suite_add_tcase(suite, cases[i]);
    }
}

int main(void)
{
    Suite *suite = suite_create("sdk on PostgreSQL");
    const char *once = getenv("TROTH_SDK_ONCE");
    SRunner *runner;
    int failed;

    add_all(suite, statement);
    if (once == NULL) { /* under ThreadSanitizer: the way with most hands is enough */
        add_all(suite, queries_only);
        add_all(suite, function);
    }
    suite_add_tcase(suite, scan_tests());
    suite_add_tcase(suite, statement_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
