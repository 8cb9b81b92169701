/* Lines that are no command or result, and generated ones that are. */
#include <wire/message.h>

#include "tests.h"

#define GTID "018bcfe5-687b-8007-8000-00c000000063"
#define HEAD "{\"op\":\"prepare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":2"

struct refusal {
    const char *line;
    int error;
    const char *why; /* how the reason begins */
};

/* The same for commands and results. */
static const struct refusal of_both[] = {
    {"", TROTH_ERROR_SYNTAX, "a value is missing"},
    {"{", TROTH_ERROR_SYNTAX, "a name"},
    {"[]", TROTH_ERROR_TYPE, "the line is not an object"},
    {"null", TROTH_ERROR_TYPE, "the line is not an object"},
    {"{}", TROTH_ERROR_TYPE, "op"},
    {"{\"op\":1}", TROTH_ERROR_TYPE, "op"},
    {"{\"op\":\"destroy\"}", TROTH_ERROR_TYPE, "op"},
    {"{\"op\":\"prepare\"}", TROTH_ERROR_TYPE, "gtid"},
    {"{\"op\":\"prepare\",\"gtid\":7}", TROTH_ERROR_TYPE, "gtid"},
    {"{\"op\":\"prepare\",\"gtid\":\"" GTID "0\"}", TROTH_ERROR_TYPE, "gtid"},
    {"{\"op\":\"prepare\",\"op\":\"abort\"}", TROTH_ERROR_SYNTAX, "a member is there twice"},
    {"{\"op\":\"prepare\",\"\\u006fp\":\"abort\"}", TROTH_ERROR_SYNTAX, "a member is there twice"},
#define BRANCH "{\"op\":\"prepare\",\"gtid\":\"" GTID "\",\"attempt\":1,\"branch\":"
    {"{\"op\":\"prepare\",\"gtid\":\"" GTID "\"}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "0}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "-1}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "10000}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "4294967297}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "99999999999999999999}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "1.0}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "\"1\"}", TROTH_ERROR_TYPE, "branch"},
    {BRANCH "1,\"attempt\":1}", TROTH_ERROR_SYNTAX, "a member is there twice"},
#undef BRANCH
    {"{\"op\":\"prepare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":0}", TROTH_ERROR_TYPE,
     "attempt"},
    {"{\"op\":\"prepare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":10000}", TROTH_ERROR_TYPE,
     "attempt"},
};

static const struct refusal of_commands[] = {
    {HEAD "}", TROTH_ERROR_TYPE, "operation"},
    {HEAD ",\"operation\":\"\"}", TROTH_ERROR_TYPE, "operation"},
    {HEAD ",\"operation\":\"../x\"}", TROTH_ERROR_TYPE, "operation"},
    {HEAD ",\"operation\":\"De\\u0062it\"}", TROTH_ERROR_TYPE, "operation"},
    {HEAD ",\"operation\":{}}", TROTH_ERROR_TYPE, "operation"},
    {HEAD ",\"operation\":\"x\",\"timeout\":5}", TROTH_ERROR_TYPE, "timeout"},
    {HEAD ",\"operation\":\"x\",\"timeout\":\"5\"}", TROTH_ERROR_TYPE, "timeout"},
    {HEAD ",\"operation\":\"x\",\"timeout\":\"999999d\"}", TROTH_ERROR_TYPE, "timeout"},
    {HEAD ",\"operation\":\"x\",\"timeout\":null}", TROTH_ERROR_TYPE, "timeout"},
    {HEAD ",\"operation\":\"x\",\"lock_wait\":5}", TROTH_ERROR_TYPE, "lock_wait"},
    {HEAD ",\"operation\":\"x\",\"lock_wait\":\"soon\"}", TROTH_ERROR_TYPE, "lock_wait"},
    {HEAD ",\"operation\":\"x\",\"ordered\":\"true\"}", TROTH_ERROR_TYPE, "ordered"},
    {HEAD ",\"operation\":\"x\",\"ordered\":1}", TROTH_ERROR_TYPE, "ordered"},
    {HEAD ",\"operation\":\"x\",\"input\":1,\"input\":1}", TROTH_ERROR_SYNTAX, "a member"},
};

static const struct refusal of_results[] = {
    {HEAD "}", TROTH_ERROR_TYPE, "result"},
    {HEAD ",\"result\":\"yes\"}", TROTH_ERROR_TYPE, "result"},
    {HEAD ",\"result\":true}", TROTH_ERROR_TYPE, "result"},
    {HEAD ",\"result\":\"vote\"}", TROTH_ERROR_TYPE, "vote"},
    {HEAD ",\"result\":\"vote\",\"vote\":\"no\"}", TROTH_ERROR_TYPE, "vote"},
    {HEAD ",\"result\":\"vote\",\"vote\":\"none\"}", TROTH_ERROR_TYPE, "vote"},
    {HEAD ",\"result\":\"vote\",\"vote\":\"YES\"}", TROTH_ERROR_TYPE, "vote"},
    {HEAD ",\"result\":\"done\",\"state\":\"gone\"}", TROTH_ERROR_TYPE, "state"},
    {HEAD ",\"result\":\"done\",\"state\":1}", TROTH_ERROR_TYPE, "state"},
    {HEAD ",\"result\":\"retry\",\"retry_after\":1}", TROTH_ERROR_TYPE, "retry_after"},
    {HEAD ",\"result\":\"refused\",\"reason\":1}", TROTH_ERROR_TYPE, "reason"},
};

static void see_command_refused(const struct refusal *want)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct command command = {.branch = 77};
    const char *why = NULL;
    int error = message_command_parse(span_of(want->line), &scratch, &command, &why);
    ck_assert_msg(error == want->error, "%s: %s", want->line, troth_error_name(error));
    ck_assert_msg(why != NULL && strncmp(why, want->why, strlen(want->why)) == 0, "%s: %s",
                  want->line, why);
    ck_assert_uint_eq(command.branch, 77);
    ck_assert_int_eq(message_command_parse(span_of(want->line), &scratch, &command, NULL),
                     want->error);
}

static void see_result_refused(const struct refusal *want)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct result result = {.branch = 77};
    const char *why = NULL;
    int error = message_result_parse(span_of(want->line), &scratch, &result, &why);
    ck_assert_msg(error == want->error, "%s: %s", want->line, troth_error_name(error));
    ck_assert_msg(why != NULL && strncmp(why, want->why, strlen(want->why)) == 0, "%s: %s",
                  want->line, why);
    ck_assert_uint_eq(result.branch, 77);
    ck_assert_int_eq(message_result_parse(span_of(want->line), &scratch, &result, NULL),
                     want->error);
}

/* A wrong line is refused, says which member is wrong, and leaves the output alone. */
START_TEST(wrong_lines)
{
    for (size_t i = 0; i < sizeof(of_both) / sizeof(of_both[0]); i++) {
        see_command_refused(&of_both[i]);
        see_result_refused(&of_both[i]);
    }
    for (size_t i = 0; i < sizeof(of_commands) / sizeof(of_commands[0]); i++)
        see_command_refused(&of_commands[i]);
    for (size_t i = 0; i < sizeof(of_results) / sizeof(of_results[0]); i++)
        see_result_refused(&of_results[i]);
}
END_TEST

/* A line of exactly 1 MiB is read, one byte more is too large. */
START_TEST(long_lines)
{
    BUFFER_SCOPED struct buffer line = {0};
    BUFFER_SCOPED struct buffer scratch = {0};
    buffer_append_text(&line, HEAD ",\"operation\":\"x\",\"input\":\"");
    while (line.len < MESSAGE_LINE_MAX - 2)
        buffer_append_char(&line, 'x');
    buffer_append_text(&line, "\"}");
    struct command command;
    ck_assert_int_eq(message_command_parse(buffer_span(&line), &scratch, &command, NULL), 0);
    buffer_append_char(&line, ' ');
    ck_assert_int_eq(message_command_parse(buffer_span(&line), &scratch, &command, NULL),
                     TROTH_ERROR_TOO_LARGE);
}
END_TEST

static void make_command(struct random *random, struct command *command)
{
    static const char *const operations[] = {"a", "debit", "x_9"};
    static const char *const inputs[] = {"{}", "[1,2]", "\"\\n\"", "9007199254740993", "0.10"};
    struct troth_gtid_parts parts = {random_next(random) >> 16,
                                     (uint16_t)random_below(random, TROTH_SHARDS_MAX),
                                     1 + (uint32_t)random_below(random, TROTH_EPOCH_MAX),
                                     1 + random_below(random, TROTH_COUNTER_MAX)};
    *command = (struct command){
        .op = (enum message_op)random_below(random, OP_COUNT),
        .branch = 1 + (uint32_t)random_below(random, TROTH_BRANCH_NUMBER_MAX),
        .attempt = 1 + (uint32_t)random_below(random, TROTH_ATTEMPT_MAX),
        .operation = span_of(operations[random_below(random, 3)]),
        .timeout_us = random_below(random, 2) * random_below(random, UINT64_C(100000000000)),
        .lock_wait_us = random_below(random, 2) * random_below(random, UINT64_C(100000000000)),
        .ordered = random_below(random, 2) == 0};
    ck_assert_int_eq(troth_gtid_make(&parts, &command->gtid), 0);
    if (random_below(random, 2) == 0)
        command->input = span_of(inputs[random_below(random, 5)]);
}

static bool same_span(struct troth_span a, struct troth_span b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Any command that can be made reads back as itself. */
START_TEST(commands_round_trip)
{
    BUFFER_SCOPED struct buffer line = {0};
    BUFFER_SCOPED struct buffer scratch = {0};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random random = {seed};
        struct command in, out;
        make_command(&random, &in);
        buffer_clear(&line);
        message_command_append(&line, &in);
        struct troth_span text = {line.data, line.len - 1};
        ck_assert_int_eq(message_command_parse(text, &scratch, &out, NULL), 0);
        ck_assert_msg(in.op == out.op && troth_gtid_equal(&in.gtid, &out.gtid) &&
                          in.branch == out.branch && in.attempt == out.attempt &&
                          in.timeout_us == out.timeout_us && in.lock_wait_us == out.lock_wait_us &&
                          in.ordered == out.ordered && same_span(in.operation, out.operation) &&
                          same_span(in.input, out.input),
                      "seed %llu: %.*s", (unsigned long long)seed, (int)text.len, text.data);
    }
}
END_TEST

static void make_result(struct random *random, struct result *result)
{
    static const char *const reasons[] = {"", "busy", "a \"b\"\\\n\xe2\x82\xac", "\x01"};
    struct command command;
    make_command(random, &command);
    *result = (struct result){.op = command.op,
                              .gtid = command.gtid,
                              .branch = command.branch,
                              .attempt = command.attempt,
                              .result = (enum message_result)random_below(random, RESULT_COUNT),
                              .state = (enum message_state)random_below(random, BRANCH_IS_COUNT),
                              .output = command.input};
    if (result->result == RESULT_VOTE)
        result->vote = random_below(random, 2) == 0 ? VOTE_YES : VOTE_READ_ONLY;
    if (result->result == RESULT_RETRY)
        result->retry_after_us = command.timeout_us;
    if (result->result == RESULT_CONFLICT && random_below(random, 2) == 0)
        result->blocker = command.gtid;
    if (random_below(random, 2) == 0)
        result->reason = span_of(reasons[random_below(random, 4)]);
}

/* Any result that can be made reads back as itself. */
START_TEST(results_round_trip)
{
    BUFFER_SCOPED struct buffer line = {0};
    BUFFER_SCOPED struct buffer scratch = {0};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random random = {seed};
        struct result in, out;
        make_result(&random, &in);
        buffer_clear(&line);
        message_result_append(&line, &in);
        struct troth_span text = {line.data, line.len - 1};
        ck_assert_int_eq(message_result_parse(text, &scratch, &out, NULL), 0);
        ck_assert_msg(in.op == out.op && troth_gtid_equal(&in.gtid, &out.gtid) &&
                          in.branch == out.branch && in.attempt == out.attempt &&
                          in.result == out.result && in.vote == out.vote && in.state == out.state &&
                          in.retry_after_us == out.retry_after_us &&
                          troth_gtid_equal(&in.blocker, &out.blocker) &&
                          same_span(in.output, out.output) && same_span(in.reason, out.reason),
                      "seed %llu: %.*s", (unsigned long long)seed, (int)text.len, text.data);
    }
}
END_TEST

TCase *message_refused_tests(void)
{
    TCase *tests = tcase_create("message_refused");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, wrong_lines);
    tcase_add_test(tests, long_lines);
    tcase_add_test(tests, commands_round_trip);
    tcase_add_test(tests, results_round_trip);
    return tests;
}
