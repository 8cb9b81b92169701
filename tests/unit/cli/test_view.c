#include <view.h>

#include "tests.h"

static const struct cli plain = {.width = 100};

static void show(struct troth_span transaction, uint64_t now_us, struct buffer *text)
{
    TREE_SCOPED cJSON *tree = tree_of(transaction);
    view_append(&plain, tree, transaction, now_us, text);
}

static int exit_of(const char *transaction)
{
    TREE_SCOPED cJSON *tree = tree_of(span_of(transaction));
    return view_exit(tree);
}

static void assert_shown(const char *transaction, const char *want)
{
    BUFFER_SCOPED struct buffer text = {0};
    show(span_of(transaction), 0, &text);
    ck_assert_str_eq(buffer_text(&text), want);
}

#define GTID "0198f3a2-1c45-8abc-848d-15800000002a"
#define HEAD                                                                                       \
    "{\"gtid\":\"" GTID "\",\"definition\":\"transfer\",\"version\":1,\"mode\":\"2pc\","           \
    "\"began_at\":\"2026-11-21T05:34:49.112233Z\","

/* A committed transaction: outcome, times, labels, steps, outputs byte for byte. */
START_TEST(committed)
{
    assert_shown(HEAD
                 "\"attempt\":1,\"state\":\"ended\",\"outcome\":\"committed\","
                 "\"ended_at\":\"2026-11-21T05:34:49.126433Z\",\"labels\":{\"tenant\":\"acme\"},"
                 "\"steps\":[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\","
                 "\"operation\":\"debit\",\"state\":\"committed\",\"vote\":\"yes\",\"tries\":1,"
                 "\"output\":{\"balance\":9007199254740993}},{\"branch\":2,\"name\":\"credit\","
                 "\"participant\":\"bank_b\",\"operation\":\"credit\",\"state\":\"read_only\","
                 "\"vote\":\"read_only\",\"output\":null}],\"failure\":null}",
                 "COMMITTED  transfer version 1, 2pc\n"
                 "gtid     " GTID "\n"
                 "began    2026-11-21 05:34:49.112Z, ended after 14.200ms\n"
                 "labels   tenant=acme\n"
                 "\n"
                 "BRANCH  STEP    PARTICIPANT  OPERATION  STATE      VOTE       TRIES\n"
                 "     1  debit   bank_a       debit      committed  yes        1\n"
                 "     2  credit  bank_b       credit     read_only  read_only  -\n"
                 "\n"
                 "output of 1 debit at bank_a: {\"balance\":9007199254740993}\n"
                 "output of 2 credit at bank_b: null\n");
}
END_TEST

/* A decided transaction whose participant is away: that one is named before anything else. */
START_TEST(missing_acknowledgement)
{
    assert_shown(HEAD "\"attempt\":2,\"state\":\"committing\",\"outcome\":\"committed\","
                      "\"ended_at\":null,\"steps\":[{\"branch\":1,\"name\":\"debit\","
                      "\"participant\":\"bank_a\",\"operation\":\"debit\",\"state\":\"committed\"},"
                      "{\"branch\":2,\"participant\":\"bank_b\",\"operation\":\"credit\","
                      "\"state\":\"committing\",\"vote\":\"yes\",\"tries\":7,"
                      "\"reason\":\"connection refused\"}],\"failure\":null}",
                 "COMMITTED (committing)  transfer version 1, 2pc\n"
                 "missing  2 at bank_b has not acknowledged commit; try 7: connection refused\n"
                 "gtid     " GTID "\n"
                 "began    2026-11-21 05:34:49.112Z, attempt 2\n"
                 "\n"
                 "BRANCH  STEP   PARTICIPANT  OPERATION  STATE       VOTE  TRIES\n"
                 "     1  debit  bank_a       debit      committed   -     -\n"
                 "     2  -      bank_b       credit     committing  yes   7\n");
}
END_TEST

/* A step that waits says how often it was tried, when next, and what its participant said last. */
START_TEST(waiting)
{
    BUFFER_SCOPED struct buffer text = {0};
    show(span_of(HEAD "\"state\":\"running\",\"outcome\":null,\"ended_at\":null,\"steps\":["
                      "{\"branch\":1,\"name\":\"charge\",\"participant\":\"payments\","
                      "\"operation\":\"c\",\"state\":\"executing\",\"tries\":3,"
                      "\"reason\":\"said 404 \\\"no such route /v2/charge\\\"\","
                      "\"tries_max\":5,\"next_try_at\":\"2026-11-21T05:34:56.112233Z\"}]}"),
         UINT64_C(1795239289112233) + 3000000, &text);
    const char *want =
        "missing  1 charge at payments has not answered execute; try 3 of 5, next in 4 s: "
        "payments said 404 \"no such route /v2/charge\"\n";
    ck_assert_msg(strstr(buffer_text(&text), want) != NULL, "%s", buffer_text(&text));
}
END_TEST

/* What the client waited for is the time that counts: not what came behind its answer. */
START_TEST(told)
{
    BUFFER_SCOPED struct buffer text = {0};
    show(span_of(HEAD "\"state\":\"ended\",\"outcome\":\"committed\","
                      "\"ended_at\":\"2026-11-21T05:34:50.2Z\",\"steps\":[],\"timeline\":["
                      "{\"at\":\"+4.1ms\",\"moment\":\"replied\",\"reply\":\"decided\"},"
                      "{\"at\":\"+5ms\",\"moment\":\"replied\",\"reply\":\"completed\"},"
                      "{\"at\":\"+1.1s\",\"moment\":\"ended\"}]}"),
         UINT64_C(1795239289112233) + 3000000, &text);
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "Z, outcome told after 5.000ms\n"));
}
END_TEST

/* Aborts of the attempt before a fallback: the saga is through, and who is missing is named. */
START_TEST(missing_aborts)
{
    const char *transaction =
        HEAD "\"attempt\":2,\"state\":\"parked\",\"outcome\":\"committed\",\"ended_at\":null,"
             "\"steps\":[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\","
             "\"operation\":\"debit\",\"state\":\"done\",\"tries\":1,\"earlier_abort\":{"
             "\"attempt\":1,\"state\":\"parked\",\"tries\":1,\"reason\":\"what abort?\"}},"
             "{\"branch\":2,\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":"
             "\"credit\",\"state\":\"done\",\"tries\":1,\"earlier_abort\":{\"attempt\":1,"
             "\"state\":\"aborting\",\"tries\":7}}],\"failure\":null}";
    assert_shown(transaction,
                 "COMMITTED (parked)  transfer version 1, 2pc\n"
                 "missing  1 debit at bank_a refused the abort of attempt 1, which is parked, "
                 "an operator must look; try 1: what abort?\n"
                 "         2 credit at bank_b has not acknowledged the abort of attempt 1"
                 "; try 7\n"
                 "gtid     " GTID "\n"
                 "began    2026-11-21 05:34:49.112Z, attempt 2\n"
                 "\n"
                 "BRANCH  STEP    PARTICIPANT  OPERATION  STATE  VOTE  TRIES\n"
                 "     1  debit   bank_a       debit      done   -     1\n"
                 "     2  credit  bank_b       credit     done   -     1\n");
    ck_assert_int_eq(exit_of(transaction), CLI_EXIT_ATTENTION);
    ck_assert_int_eq(exit_of("{\"outcome\":null,\"state\":\"running\",\"steps\":[{\"state\":"
                             "\"done\",\"earlier_abort\":{\"state\":\"parked\"}}]}"),
                     CLI_EXIT_ATTENTION);
}
END_TEST

/* An interactive transaction that was refused by one of its participants. */
START_TEST(aborted)
{
    assert_shown("{\"gtid\":\"" GTID "\",\"definition\":null,\"version\":null,\"mode\":\"2pc\","
                 "\"interactive\":true,\"attempt\":1,\"state\":\"ended\",\"outcome\":\"aborted\","
                 "\"began_at\":\"2026-11-21T05:34:49Z\",\"ended_at\":\"2026-11-21T05:36:59Z\","
                 "\"steps\":[],\"failure\":{\"cause\":\"refused\",\"branch\":1,\"step\":\"debit\","
                 "\"participant\":\"bank_a\",\"reason\":\"insufficient funds\\u001b[2J\"}}",
                 "ABORTED  interactive, 2pc\n"
                 "why      refused by 1 debit at bank_a: insufficient funds\\u001b[2J\n"
                 "gtid     " GTID "\n"
                 "began    2026-11-21 05:34:49.000Z, ended after 2m10s\n");
}
END_TEST

/* How old a running transaction is, is told against the clock. */
START_TEST(running)
{
    BUFFER_SCOPED struct buffer text = {0};
    show(span_of(HEAD "\"state\":\"preparing\",\"outcome\":null,\"ended_at\":null,"
                      "\"steps\":[{\"branch\":1,\"name\":\"debit\",\"participant\":\"a\","
                      "\"operation\":\"d\",\"state\":\"preparing\",\"tries\":1}]}"),
         UINT64_C(1795239289112233) + 3200000, &text);
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "RUNNING (preparing)  transfer"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "missing  1 debit at a has not voted"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "05:34:49.112Z, 3.200s ago\n"));
}
END_TEST

/* A payload longer than a screen is cut and says how long it is. */
START_TEST(long_outputs)
{
    BUFFER_SCOPED struct buffer transaction = {0};
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&transaction, HEAD "\"state\":\"ended\",\"outcome\":\"committed\",\"steps\":"
                                          "[{\"branch\":1,\"state\":\"committed\",\"output\":\"");
    for (int i = 0; i < 2000; i++)
        buffer_append_text(&transaction, "\xc3\xa4");
    buffer_append_text(&transaction, "\"}]}");
    show(buffer_span(&transaction), 0, &text);
    const char *shown = strstr(buffer_text(&text), "output of 1: ");
    ck_assert_ptr_nonnull(shown);
    ck_assert_ptr_nonnull(strstr(shown, "\xc3\xa4... (4002 bytes; -o json shows all)\n"));
    ck_assert_uint_lt(strlen(shown), VIEW_OUTPUT_BYTES_MAX + 100);
}
END_TEST

/* A payload is shown as it came: no number is rounded, and half of a surrogate pair passes. */
START_TEST(payloads_are_exact)
{
    BUFFER_SCOPED struct buffer text = {0};
    show(span_of(HEAD "\"state\":\"ended\",\"outcome\":\"committed\",\"input\":{\"n\":0.10},"
                      "\"steps\":[{\"branch\":1,\"state\":\"committed\"},{\"branch\":2,\"name\":"
                      "\"credit\",\"output\":[9007199254740993,1e400,\"\\ud800\"]}]}"),
         0, &text);
    ck_assert_msg(strstr(buffer_text(&text), "\ninput: {\"n\":0.10}\noutput of 2 credit: "
                                             "[9007199254740993,1e400,\"\\ud800\"]\n") != NULL,
                  "%s", buffer_text(&text));
}
END_TEST

/* The exit status follows outcome and state; what needs an operator beats them. */
START_TEST(exits)
{
    static const struct {
        const char *transaction;
        int code;
    } cases[] = {
        {"{\"state\":\"ended\",\"outcome\":\"committed\"}", CLI_EXIT_OK},
        {"{\"state\":\"committing\",\"outcome\":\"committed\"}", CLI_EXIT_OK},
        {"{\"state\":\"ended\",\"outcome\":\"aborted\"}", CLI_EXIT_NOT_COMMITTED},
        {"{\"state\":\"ended\",\"outcome\":\"compensated\"}", CLI_EXIT_NOT_COMMITTED},
        {"{\"state\":\"preparing\",\"outcome\":null}", CLI_EXIT_UNKNOWN},
        {"{\"state\":\"ended\",\"outcome\":\"mixed\"}", CLI_EXIT_ATTENTION},
        {"{\"state\":\"parked\",\"outcome\":\"committed\"}", CLI_EXIT_ATTENTION},
        {"{\"state\":\"committing\",\"outcome\":\"committed\",\"steps\":[{\"state\":\"committed\"},"
         "{\"state\":\"parked\"}]}",
         CLI_EXIT_ATTENTION},
        {"{\"state\":\"ended\",\"outcome\":\"committed\",\"steps\":[{\"state\":\"heuristic\"}]}",
         CLI_EXIT_ATTENTION},
        {"{\"state\":\"ended\",\"outcome\":\"purple\"}", CLI_EXIT_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(exit_of(cases[i].transaction) == cases[i].code, "%s", cases[i].transaction);
}
END_TEST

/* Each span of time in the unit that reads best. */
START_TEST(durations)
{
    static const struct {
        uint64_t us;
        const char *want;
    } cases[] = {
        {0, "0.000ms"},         {14200, "14.200ms"},   {999999, "999.999ms"},
        {1000000, "1.000s"},    {59999999, "59.999s"}, {60000000, "1m00s"},
        {3599000000, "59m59s"}, {3600000000, "1h00m"}, {86399000000, "23h59m"},
        {90000000000, "1d01h"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_SCOPED struct buffer text = {0};
        view_append_duration(&text, cases[i].us);
        ck_assert_str_eq(buffer_text(&text), cases[i].want);
    }
}
END_TEST

/* Each cause is a sentence, with and without a branch; one of a newer coordinator is shown as is.
 */
START_TEST(failures)
{
    static const struct {
        const char *failure, *want;
    } cases[] = {
        {"{\"cause\":\"timeout\"}", "not done in time"},
        {"{\"cause\":\"timeout\",\"branch\":2,\"step\":\"credit\",\"participant\":\"bank_b\"}",
         "no answer in time from 2 credit at bank_b"},
        {"{\"cause\":\"unreachable\",\"branch\":2,\"participant\":\"b\",\"reason\":\"refused\"}",
         "unreachable: 2 at b: refused"},
        {"{\"cause\":\"cancelled\"}", "cancelled by the client or an operator"},
        {"{\"cause\":\"restarted\"}", "the coordinator restarted before the decision"},
        {"{\"cause\":\"eclipse\",\"branch\":2}", "eclipse: 2"},
        {"{\"cause\":\"eclipse\"}", "eclipse"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_SCOPED struct buffer text = {0};
        TREE_SCOPED cJSON *failure = tree_of(span_of(cases[i].failure));
        view_append_failure(&text, failure);
        ck_assert_str_eq(buffer_text(&text), cases[i].want);
    }
}
END_TEST

TCase *view_tests(void)
{
    TCase *tests = tcase_create("view");
    tcase_add_test(tests, committed);
    tcase_add_test(tests, missing_acknowledgement);
    tcase_add_test(tests, missing_aborts);
    tcase_add_test(tests, waiting);
    tcase_add_test(tests, told);
    tcase_add_test(tests, aborted);
    tcase_add_test(tests, running);
    tcase_add_test(tests, long_outputs);
    tcase_add_test(tests, payloads_are_exact);
    tcase_add_test(tests, exits);
    tcase_add_test(tests, durations);
    tcase_add_test(tests, failures);
    return tests;
}
