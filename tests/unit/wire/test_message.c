#include <wire/message.h>

#include "tests.h"

#define GTID  "018bcfe5-687b-8007-8000-00c000000063"
#define HEAD  "{\"op\":\"prepare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":2"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static troth_gtid example_gtid(void)
{
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_parse(GTID, strlen(GTID), &gtid), 0);
    return gtid;
}

static struct command command_of(const char *line, struct buffer *scratch)
{
    struct command command;
    const char *why = "";
    int error = message_command_parse(span_of(line), scratch, &command, &why);
    ck_assert_msg(error == 0, "%s: %s", line, why);
    return command;
}

static struct result result_of(const char *line, struct buffer *scratch)
{
    struct result result;
    const char *why = "";
    int error = message_result_parse(span_of(line), scratch, &result, &why);
    ck_assert_msg(error == 0, "%s: %s", line, why);
    return result;
}

/* Each op, result, vote and state has the name that the wire knows, and is found by it. */
START_TEST(names_both_ways)
{
    ck_assert_str_eq(message_op_name(OP_COMPENSATE), "compensate");
    ck_assert_str_eq(message_result_name(RESULT_HEURISTIC), "heuristic");
    ck_assert_str_eq(message_vote_name(VOTE_READ_ONLY), "read_only");
    ck_assert_str_eq(message_state_name(BRANCH_IS_UNSAID), "unsaid");
    for (unsigned i = 0; i < OP_COUNT; i++) {
        enum message_op op;
        ck_assert_int_eq(message_op_parse(span_of(message_op_name((enum message_op)i)), &op), 0);
        ck_assert_uint_eq(op, i);
    }
    for (unsigned i = 0; i < RESULT_COUNT; i++) {
        enum message_result result;
        const char *name = message_result_name((enum message_result)i);
        ck_assert_int_eq(message_result_name_parse(span_of(name), &result), 0);
        ck_assert_uint_eq(result, i);
    }
    for (unsigned i = 0; i < VOTE_COUNT; i++) {
        enum message_vote vote;
        const char *name = message_vote_name((enum message_vote)i);
        ck_assert_int_eq(message_vote_parse(span_of(name), &vote), 0);
        ck_assert_uint_eq(vote, i);
    }
    for (unsigned i = 0; i < BRANCH_IS_COUNT; i++) {
        enum message_state state;
        const char *name = message_state_name((enum message_state)i);
        ck_assert_int_eq(message_state_parse(span_of(name), &state), 0);
        ck_assert_uint_eq(state, i);
    }
}
END_TEST

/* A word that only resembles one of ours is none. */
START_TEST(other_names)
{
    static const char *const wrong[] = {"", "Prepare", "prepar", "prepared ", "commits", "VOTE"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        enum message_op op = OP_COUNT;
        enum message_result result = RESULT_COUNT;
        enum message_vote vote = VOTE_COUNT;
        enum message_state state = BRANCH_IS_COUNT;
        ck_assert_int_eq(message_op_parse(span_of(wrong[i]), &op), TROTH_ERROR_SYNTAX);
        ck_assert_int_eq(message_result_name_parse(span_of(wrong[i]), &result), TROTH_ERROR_SYNTAX);
        ck_assert_int_eq(message_vote_parse(span_of(wrong[i]), &vote), TROTH_ERROR_SYNTAX);
        ck_assert_int_eq(message_state_parse(span_of(wrong[i]), &state), TROTH_ERROR_SYNTAX);
        ck_assert(op == OP_COUNT && result == RESULT_COUNT && vote == VOTE_COUNT);
        ck_assert(state == BRANCH_IS_COUNT);
    }
    enum message_op op;
    ck_assert_int_eq(message_op_parse((struct troth_span){NULL, 0}, &op), TROTH_ERROR_SYNTAX);
}
END_TEST

/* A command is one line as the header shows it. */
START_TEST(command_line)
{
    BUFFER_SCOPED struct buffer line = {0};
    struct command command = {.op = OP_PREPARE,
                              .gtid = example_gtid(),
                              .branch = 1,
                              .attempt = 2,
                              .operation = span_of("debit"),
                              .timeout_us = 4800000,
                              .input = span_of("{\"amount\":120}"),
                              .traceparent = span_of(TRACE)};
    message_command_append(&line, &command);
    assert_span_is(buffer_span(&line),
                   HEAD ",\"operation\":\"debit\",\"timeout\":\"4.8s\",\"traceparent\":\"" TRACE
                        "\",\"input\":{\"amount\":120}}\n");
    line.len = 0;
    command.lock_wait_us = 100000;
    command.ordered = true;
    command.input = (struct troth_span){NULL, 0};
    command.traceparent = (struct troth_span){NULL, 0};
    message_command_append(&line, &command);
    assert_span_is(buffer_span(&line),
                   HEAD ",\"operation\":\"debit\",\"timeout\":\"4.8s\",\"lock_wait\":\"100ms\","
                        "\"ordered\":true}\n");
    line.len = 0;
    command.op = OP_COMMIT;
    command.lock_wait_us = 0;
    command.ordered = false;
    command.timeout_us = 0;
    message_command_append(&line, &command);
    assert_span_is(buffer_span(&line), "{\"op\":\"commit\",\"gtid\":\"" GTID
                                       "\",\"branch\":1,\"attempt\":2,\"operation\":\"debit\"}\n");
}
END_TEST

/* A result is one line; what does not belong to its kind is not written. */
START_TEST(result_line)
{
    BUFFER_SCOPED struct buffer line = {0};
    struct result result = {.op = OP_PREPARE,
                            .gtid = example_gtid(),
                            .branch = 1,
                            .attempt = 2,
                            .result = RESULT_VOTE,
                            .vote = VOTE_YES,
                            .retry_after_us = 5,
                            .output = span_of("{\"balance\":0.10}")};
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line),
                   HEAD ",\"result\":\"vote\",\"vote\":\"yes\",\"output\":{\"balance\":0.10}}\n");
    line.len = 0;
    result.result = RESULT_RETRY;
    result.retry_after_us = 200000;
    result.output = (struct troth_span){NULL, 0};
    result.reason = span_of("a \"lock\"\n");
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line), HEAD ",\"result\":\"retry\",\"retry_after\":\"200ms\","
                                            "\"reason\":\"a \\\"lock\\\"\\n\"}\n");
    line.len = 0;
    result.result = RESULT_CONFLICT;
    result.reason = span_of("55P03");
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line), HEAD ",\"result\":\"conflict\",\"reason\":\"55P03\"}\n");
    line.len = 0;
    result.blocker = example_gtid();
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line), HEAD ",\"result\":\"conflict\",\"blocker\":\"" GTID
                                            "\",\"reason\":\"55P03\"}\n");
    line.len = 0;
    result.result = RESULT_RETRY; /* whom it waits for belongs to a conflict only */
    result.retry_after_us = 0;
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line), HEAD ",\"result\":\"retry\",\"reason\":\"55P03\"}\n");
    line.len = 0;
    result = (struct result){.op = OP_PREPARE,
                             .gtid = example_gtid(),
                             .branch = 1,
                             .attempt = 2,
                             .result = RESULT_DONE,
                             .state = BRANCH_IS_COMMITTED};
    message_result_append(&line, &result);
    assert_span_is(buffer_span(&line), HEAD ",\"result\":\"done\",\"state\":\"committed\"}\n");
}
END_TEST

/* Payloads arrive byte for byte, in both directions. */
START_TEST(payloads_byte_for_byte)
{
    static const char *const payloads[] = {
        "9007199254740993",
        "0.10",
        "1e400",
        "-0",
        "null",
        "\"\\u00e4\xc3\xa4\\/\"",
        "[]",
        "{}",
        "{\"b\":1,\"a\":2,\"b\":3}",
        "{ \"n\" : 9007199254740993 , \"d\":0.10,\t\"e\":1e400 }",
        "[1.0,1.00,100e-2]",
        "{\"op\":\"abort\",\"gtid\":1}",
        "\"}\"",
        "1E+2",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        BUFFER_SCOPED struct buffer line = {0};
        BUFFER_SCOPED struct buffer scratch = {0};
        struct command command = {.op = OP_EXECUTE,
                                  .gtid = example_gtid(),
                                  .branch = 9999,
                                  .attempt = 9999,
                                  .operation = span_of("x"),
                                  .input = span_of(payloads[i])};
        message_command_append(&line, &command);
        line.data[line.len - 1] = '\0'; /* its line feed */
        assert_span_is(command_of(line.data, &scratch).input, payloads[i]);
        line.len = 0;
        struct result result = {.op = OP_EXECUTE,
                                .gtid = example_gtid(),
                                .branch = 9999,
                                .attempt = 9999,
                                .result = RESULT_DONE,
                                .output = span_of(payloads[i])};
        message_result_append(&line, &result);
        line.data[line.len - 1] = '\0';
        assert_span_is(result_of(line.data, &scratch).output, payloads[i]);
    }
}
END_TEST

/* A payload over several lines stays one line on the wire, and means the same. */
START_TEST(payloads_with_line_feeds)
{
    BUFFER_SCOPED struct buffer line = {0};
    struct command command = {.op = OP_PREPARE,
                              .gtid = example_gtid(),
                              .branch = 1,
                              .attempt = 2,
                              .operation = span_of("debit"),
                              .input = span_of("{\n  \"a\": 1,\r\n  \"b\": \"x\\ny\"\n}")};
    message_command_append(&line, &command);
    assert_span_is(buffer_span(&line), HEAD ",\"operation\":\"debit\",\"input\":"
                                            "{   \"a\": 1,\r   \"b\": \"x\\ny\" }}\n");
}
END_TEST

/* What a command says is read, in any order, with space, escapes and members of a newer sender. */
START_TEST(commands_are_read)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct command command =
        command_of(" {\"input\" : [1] "
                   ",\"new\":{\"op\":\"abort\"},\"attempt\":2,\"branch\":1,\"timeout\":\"4.8s\","
                   "\"op\":\"prep\\u0061re\",\"operati\\u006fn\":\"d\\u0065bit\",\"gtid\":\"" GTID
                   "\",\"traceparent\":\"" TRACE "\",\"output\":0} \r",
                   &scratch);
    troth_gtid gtid = example_gtid();
    ck_assert_int_eq(command.op, OP_PREPARE);
    ck_assert(troth_gtid_equal(&command.gtid, &gtid));
    ck_assert_uint_eq(command.branch, 1);
    ck_assert_uint_eq(command.attempt, 2);
    ck_assert_uint_eq(command.timeout_us, 4800000);
    assert_span_is(command.operation, "debit");
    assert_span_is(command.input, "[1]");
    assert_span_is(command.traceparent, TRACE);
}
END_TEST

/* Absent members are absent, not empty; no time left is not the same as no timeout. */
START_TEST(absent_members)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct command command = command_of(HEAD ",\"operation\":\"debit\"}", &scratch);
    ck_assert_ptr_null(command.input.data);
    ck_assert_ptr_null(command.traceparent.data);
    ck_assert_uint_eq(command.timeout_us, 0);
    command = command_of(HEAD ",\"operation\":\"debit\",\"timeout\":\"0s\"}", &scratch);
    ck_assert_uint_eq(command.timeout_us, 1);
    ck_assert_uint_eq(command.lock_wait_us, 0);
    ck_assert(!command.ordered);
    command = command_of(HEAD ",\"operation\":\"debit\",\"lock_wait\":\"0s\"}", &scratch);
    ck_assert_uint_eq(command.lock_wait_us, 1);
    command = command_of(HEAD ",\"operation\":\"debit\",\"lock_wait\":\"4.5s\",\"ordered\":true}",
                         &scratch);
    ck_assert_uint_eq(command.lock_wait_us, 4500000);
    ck_assert(command.ordered);
    struct result result = result_of(HEAD ",\"result\":\"unknown\",\"vote\":\"yes\"}", &scratch);
    ck_assert_ptr_null(result.output.data);
    ck_assert_ptr_null(result.reason.data);
    ck_assert_int_eq(result.vote, VOTE_NONE);
    ck_assert_int_eq(result.state, BRANCH_IS_UNSAID);
    ck_assert_uint_eq(result.retry_after_us, 0);
}
END_TEST

/* A traceparent that is none is dropped: tracing never stops a transaction. */
START_TEST(wrong_traceparents_are_dropped)
{
    static const char *const wrong[] = {
        "1",
        "\"\"",
        "null",
        "\"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"",
        "\"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"",
        "\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\"",
        "\"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01\"",
        "\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\\n-01\"",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        BUFFER_SCOPED struct buffer line = {0};
        BUFFER_SCOPED struct buffer scratch = {0};
        buffer_append_format(&line, HEAD ",\"operation\":\"debit\",\"traceparent\":%s}", wrong[i]);
        ck_assert_ptr_null(command_of(buffer_text(&line), &scratch).traceparent.data);
    }
}
END_TEST

/* Each kind of result is read with what belongs to it. */
START_TEST(results_are_read)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct result result =
        result_of(HEAD ",\"result\":\"vote\",\"vote\":\"read_only\",\"output\":{}}", &scratch);
    ck_assert_int_eq(result.result, RESULT_VOTE);
    ck_assert_int_eq(result.vote, VOTE_READ_ONLY);
    assert_span_is(result.output, "{}");
    result = result_of(HEAD ",\"result\":\"retry\",\"retry_after\":\"200ms\",\"reason\":\"busy\"}",
                       &scratch);
    ck_assert_uint_eq(result.retry_after_us, 200000);
    assert_span_is(result.reason, "busy");
    result = result_of(HEAD ",\"result\":\"refused\",\"reason\":\"no \\\"money\\\" \\u20ac\"}",
                       &scratch);
    ck_assert_int_eq(result.result, RESULT_REFUSED);
    assert_span_is(result.reason, "no \"money\" \xe2\x82\xac");
    result = result_of(HEAD ",\"result\":\"done\",\"state\":\"aborted\"}", &scratch);
    ck_assert_int_eq(result.state, BRANCH_IS_ABORTED);
    result = result_of(HEAD ",\"result\":\"done\",\"retry_after\":7}", &scratch);
    ck_assert_int_eq(result.result, RESULT_DONE);
}
END_TEST

/* A conflict says whose lock it is, where that is known; a blocker that is no gtid is as good as
 * none. */
START_TEST(conflicts_are_read)
{
    static const char *const none[] = {"null", "1", "\"\"", "\"pid 7\"", "\"" GTID "0\""};
    static const troth_gtid no_gtid;
    BUFFER_SCOPED struct buffer scratch = {0};
    troth_gtid gtid = example_gtid();
    struct result result = result_of(HEAD ",\"result\":\"conflict\",\"blocker\":\"" GTID
                                          "\",\"reason\":\"a \\\"row\\\"\"}",
                                     &scratch);
    ck_assert_int_eq(result.result, RESULT_CONFLICT);
    ck_assert(troth_gtid_equal(&result.blocker, &gtid));
    assert_span_is(result.reason, "a \"row\"");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        BUFFER_SCOPED struct buffer line = {0};
        buffer_append_format(&line, HEAD ",\"result\":\"conflict\",\"blocker\":%s}", none[i]);
        result = result_of(buffer_text(&line), &scratch);
        ck_assert_int_eq(result.result, RESULT_CONFLICT);
        ck_assert(troth_gtid_equal(&result.blocker, &no_gtid));
    }
    result = result_of(HEAD ",\"result\":\"retry\",\"blocker\":\"" GTID "\"}", &scratch);
    ck_assert(troth_gtid_equal(&result.blocker, &no_gtid));
}
END_TEST

/* A long reason is cut at 512 bytes, never inside a code point, when written and when read. */
START_TEST(reasons_are_cut)
{
    for (size_t shift = 0; shift < 4; shift++) {
        BUFFER_SCOPED struct buffer reason = {0};
        BUFFER_SCOPED struct buffer line = {0};
        BUFFER_SCOPED struct buffer scratch = {0};
        for (size_t i = 0; i < shift; i++)
            buffer_append_char(&reason, 'x');
        while (reason.len < 600)
            buffer_append_text(&reason, "\xf0\x9f\x98\x80");
        size_t want = 512 - (512 - shift) % 4;
        buffer_append_format(&line, HEAD ",\"result\":\"refused\",\"reason\":\"%s\"}",
                             buffer_text(&reason));
        ck_assert_uint_eq(result_of(buffer_text(&line), &scratch).reason.len, want);
        line.len = 0;
        struct result result = {.op = OP_PREPARE,
                                .gtid = example_gtid(),
                                .branch = 1,
                                .attempt = 2,
                                .result = RESULT_REFUSED,
                                .reason = buffer_span(&reason)};
        message_result_append(&line, &result);
        size_t head = strlen(HEAD ",\"result\":\"refused\",\"reason\":\"");
        ck_assert_uint_eq(line.len, head + want + strlen("\"}\n"));
    }
}
END_TEST

TCase *message_tests(void)
{
    TCase *tests = tcase_create("message");
    tcase_add_test(tests, names_both_ways);
    tcase_add_test(tests, other_names);
    tcase_add_test(tests, command_line);
    tcase_add_test(tests, result_line);
    tcase_add_test(tests, payloads_byte_for_byte);
    tcase_add_test(tests, payloads_with_line_feeds);
    tcase_add_test(tests, commands_are_read);
    tcase_add_test(tests, absent_members);
    tcase_add_test(tests, wrong_traceparents_are_dropped);
    tcase_add_test(tests, results_are_read);
    tcase_add_test(tests, conflicts_are_read);
    tcase_add_test(tests, reasons_are_cut);
    return tests;
}
