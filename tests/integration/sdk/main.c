#include <stdlib.h>
#include <string.h>

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
        tcase_add_unchecked_fixture(cases[i], rig_make_template, NULL);
        tcase_add_unchecked_fixture(cases[i], way, function);
        suite_add_tcase(suite, cases[i]);
    }
}

static void add_one(Suite *suite, TCase *tests)
{
    tcase_add_unchecked_fixture(tests, rig_make_template, NULL);
    suite_add_tcase(suite, tests);
}

/* All of them, or a part: they mostly wait, and so they do beside each other (in-parts). */
static bool is_wanted(const char *part)
{
    const char *wanted = getenv("TROTH_TEST_PART");
    return wanted == NULL || strcmp(wanted, part) == 0;
}

int main(void)
{
    Suite *suite = suite_create("sdk on PostgreSQL");
    const char *once = getenv("TROTH_SDK_ONCE");
    SRunner *runner;
    int failed;
    if (is_wanted("1"))
        add_all(suite, statement);
    if (once == NULL && is_wanted("2")) { /* under ThreadSanitizer: the way with most hands is
                                             enough */
        add_all(suite, queries_only);
    }
    if (once == NULL && is_wanted("3"))
        add_all(suite, function);
    if (is_wanted("3")) {
        add_one(suite, scan_tests());
        add_one(suite, statement_tests());
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
