#include <call.h>

#include "tests.h"

/* Every status and problem has its exit status; what may have happened is never called failed. */
START_TEST(statuses)
{
    static const struct {
        long status;
        const char *slug;
        bool changes;
        int code;
    } cases[] = {
        {404, "unknown-transaction", false, CLI_EXIT_NOT_FOUND},
        {422, "unknown-definition", true, CLI_EXIT_NOT_FOUND},
        {404, "unknown-participant", true, CLI_EXIT_NOT_FOUND},
        {404, "no-such-path", false, CLI_EXIT_PROTOCOL},
        {400, "invalid-body", true, CLI_EXIT_REFUSED},
        {409, "ended", true, CLI_EXIT_REFUSED},
        {413, "too-large", true, CLI_EXIT_REFUSED},
        {422, "idempotency-key-reused", true, CLI_EXIT_REFUSED},
        {408, "request-timeout", true, CLI_EXIT_UNAVAILABLE},
        {503, "full", true, CLI_EXIT_UNAVAILABLE},
        {503, "", true, CLI_EXIT_UNAVAILABLE},
        {502, "", true, CLI_EXIT_UNKNOWN},
        {504, "", true, CLI_EXIT_UNKNOWN},
        {502, "", false, CLI_EXIT_UNAVAILABLE},
        {500, "internal", true, CLI_EXIT_PROTOCOL},
        {404, "", false, CLI_EXIT_PROTOCOL},
        {403, "", true, CLI_EXIT_PROTOCOL},
        {302, "", false, CLI_EXIT_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(exit_of_status(cases[i].status, span_of(cases[i].slug), cases[i].changes) ==
                          cases[i].code,
                      "%ld %s", cases[i].status, cases[i].slug);
}
END_TEST

/* Pieces of a target are percent-encoded; the first parameter has a question mark. */
START_TEST(targets)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    buffer_append_text(&call.target, "/v1/x/");
    call_append(&call, "a/../b?c d");
    call_append_query(&call, "q", "\xc3\xa4&=");
    call_append_query(&call, "r", "1");
    ck_assert_str_eq(buffer_text(&call.target), "/v1/x/a%2F..%2Fb%3Fc%20d?q=%C3%A4%26%3D&r=1");
}
END_TEST

TCase *call_tests(void)
{
    TCase *tests = tcase_create("call");
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, targets);
    return tests;
}
