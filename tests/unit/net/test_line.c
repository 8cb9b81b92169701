/* The line in front of a participant: who waits there, how long, and what time is left then. */
#include <string.h>

#include <base/duration.h>

#include "fixture.h"
#include "suites.h"

#define CALL_US 400000u /* to answer; long enough for a machine with other things to do */

static struct world world;

/* One slot: whatever is sent behind the first command waits in line. */
static void start(enum channel_binding binding)
{
    world_start(&world);
    uint16_t port = participant_start(&world, 0, 0);
    world.channel = channel_to(&world, binding, 1, &port, 1);
}

static void setup(void)
{
    start(CHANNEL_HTTP);
}

static void teardown(void)
{
    world_finish(&world);
}

static struct command execute(uint32_t number, uint64_t timeout_us)
{
    struct command command = command_of(OP_EXECUTE, number);
    command.timeout_us = timeout_us;
    return command;
}

static void send_execute(uint32_t number)
{
    struct command command = execute(number, CALL_US);
    send_command(&world, &command);
}

/* What the participant is told of its time by the n-th request, in either binding. */
static uint64_t told_us(uint32_t n)
{
    struct http_exchange *exchange = request_at(&world, 0, n);
    BUFFER_SCOPED struct buffer scratch = {.data = NULL};
    struct troth_span body = http_exchange_body(exchange), text;
    struct command command;
    uint64_t us = 0;
    if (http_exchange_header(exchange, HEADER_TIMEOUT, &text)) {
        ck_assert_int_eq(duration_parse(text.data, text.len, &us), 0);
        return us;
    }
    ck_assert_uint_gt(body.len, 0);
    body.len--; /* its line feed */
    ck_assert_int_eq(message_command_parse(body, &scratch, &command, NULL), 0);
    return command.timeout_us;
}

static void ends_unsent(uint32_t number)
{
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, number) != NULL);
    const struct got *got = got_for(&world, OP_EXECUTE, number);
    ck_assert_int_eq(got->result.result, RESULT_UNKNOWN);
    ck_assert_uint_eq(got->result.said, TROUBLE_TIMEOUT);
    ck_assert_str_eq(got->reason, "no connection was free in time");
    ck_assert(!got->was_sent);
}

START_TEST(time_to_answer_begins_with_leaving)
{
    /* Who waited behind a call that was never answered has its whole time when its turn comes. */
    send_execute(1);
    (void)request_at(&world, 0, 0);
    send_execute(2);
    ck_assert_uint_gt(told_us(1), CALL_US * 3 / 4);
    ck_assert_ptr_nonnull(got_for(&world, OP_EXECUTE, 1));
    ck_assert_ptr_null(got_for(&world, OP_EXECUTE, 2));
    answer_status(&world, 0, 1, 200, NULL, NULL);
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, 2) != NULL);
    ck_assert_int_eq(got_for(&world, OP_EXECUTE, 2)->result.result, RESULT_DONE);
}
END_TEST

START_TEST(before_the_silent_one_comes_again)
{
    /* A call that is never answered and comes again at once stands behind whoever waited meanwhile:
     * there is an order, and no chance. */
    send_execute(1);
    (void)request_at(&world, 0, 0);
    send_execute(2);
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, 1) != NULL);
    world.got_count = 0;
    send_execute(1);
    answer_status(&world, 0, 1, 200, NULL, NULL);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_ptr_nonnull(got_for(&world, OP_EXECUTE, 2));
    ck_assert_uint_gt(told_us(2), CALL_US * 3 / 4);
}
END_TEST

START_TEST(short_call_behind_a_long_one)
{
    /* How long one waits is a matter of those before it: a call that is to be answered at once
     * does not give up behind one that may take ten times as long. */
    struct command hasty = execute(2, CALL_US / 10);
    send_execute(1);
    (void)request_at(&world, 0, 0);
    send_command(&world, &hasty);
    (void)request_at(&world, 0, 1);
    ck_assert_ptr_nonnull(got_for(&world, OP_EXECUTE, 1));
}
END_TEST

START_TEST(the_line_has_an_end)
{
    /* Behind more silent calls than two nobody waits for ever: unknown, with nothing sent. */
    uint64_t began_us = clock_us();
    for (uint32_t i = 1; i <= 5; i++)
        send_execute(i);
    ends_unsent(5);
    ck_assert_uint_ge(clock_us() - began_us, CHANNEL_LINE_US(CALL_US));
    ck_assert_uint_le(world.participants[0].count, 3);
}
END_TEST

START_TEST(the_line_forgets_long_calls)
{
    /* One long call does not make the line long for good, though the line is never empty. */
    struct command rare = execute(1, 3600u * UINT64_C(1000000));
    send_command(&world, &rare);
    answer_status(&world, 0, 0, 200, NULL, NULL);
    for (uint32_t i = 2; i <= 4; i++) {
        send_execute(i);
        (void)request_at(&world, 0, i - 1);
        WAIT_FOR(&world, got_for(&world, OP_EXECUTE, i) != NULL);
    }
    for (uint32_t i = 11; i <= 15; i++)
        send_execute(i);
    ends_unsent(15);
}
END_TEST

START_TEST(never_beyond_the_deadline)
{
    /* The transaction's own end bounds both: it is told of what is left, and in line nobody waits
     * for longer. */
    struct command long_one = execute(1, CALL_US * 10);
    uint64_t began_us = clock_us();
    send_until(&world, &long_one, began_us + CALL_US);
    ck_assert_uint_le(told_us(0), CALL_US);
    long_one = execute(2, CALL_US * 10);
    send_until(&world, &long_one, began_us + CALL_US / 2);
    ends_unsent(2);
    ck_assert_uint_ge(clock_us() - began_us, CALL_US / 2);
    ck_assert_uint_eq(world.got_count, 1);
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, 1) != NULL);
    ck_assert(got_for(&world, OP_EXECUTE, 1)->was_sent);
    ck_assert_uint_lt(clock_us() - began_us, CALL_US * 10);
}
END_TEST

START_TEST(too_late_to_leave)
{
    /* Whose deadline is over when its turn comes does not leave. */
    struct command late = execute(1, CALL_US);
    send_until(&world, &late, clock_us());
    ends_unsent(1);
    ck_assert_uint_eq(world.participants[0].count, 0);
    send_execute(2);
    answer_status(&world, 0, 0, 200, NULL, NULL);
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, 2) != NULL);
}
END_TEST

START_TEST(locks_within_the_time)
{
    /* What is left by a deadline also bounds the wait for locks, with time for the answer. */
    struct command command = execute(1, CALL_US * 10);
    struct troth_span text;
    uint64_t lock_us;
    command.lock_wait_us = CALL_US * 10 - 1;
    send_until(&world, &command, clock_us() + CALL_US);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    ck_assert(http_exchange_header(exchange, HEADER_LOCK_TIMEOUT, &text));
    ck_assert_int_eq(duration_parse(text.data, text.len, &lock_us), 0);
    ck_assert_uint_le(lock_us, CALL_US - CALL_US / 8);
}
END_TEST

START_TEST(the_same_in_batches)
{
    /* In the batch binding too: the commands behind a silent request go as one, with all their
     * time. */
    world_finish(&world);
    start(CHANNEL_BATCH);
    send_execute(1);
    (void)request_at(&world, 0, 0);
    send_execute(2);
    ck_assert_uint_gt(told_us(1), CALL_US * 3 / 4);
}
END_TEST

START_TEST(a_probe_waits_behind_nobody)
{
    /* Whether somebody is there is found out also while every connection for commands hangs. */
    struct channel_stats stats;
    for (uint32_t i = 0; i < 2; i++) { /* phase 2 has two */
        send_op(&world, OP_COMMIT, i);
        (void)request_at(&world, 0, i);
    }
    channel_probe(world.channel);
    answer_status(&world, 0, 2, 200, NULL, NULL);
    do {
        world_turn(&world);
        channel_stats(world.channel, &stats);
    } while (stats.answered_status != 200); /* the test's own timeout is the bound */
    ck_assert(stats.reachable);
    ck_assert_uint_eq(world.got_count, 0);
}
END_TEST

Suite *line_suite(void)
{
    Suite *suite = suite_create("line");
    TCase *all = tcase_create("line");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, time_to_answer_begins_with_leaving);
    tcase_add_test(all, before_the_silent_one_comes_again);
    tcase_add_test(all, short_call_behind_a_long_one);
    tcase_add_test(all, the_line_has_an_end);
    tcase_add_test(all, the_line_forgets_long_calls);
    tcase_add_test(all, never_beyond_the_deadline);
    tcase_add_test(all, too_late_to_leave);
    tcase_add_test(all, locks_within_the_time);
    tcase_add_test(all, the_same_in_batches);
    tcase_add_test(all, a_probe_waits_behind_nobody);
    suite_add_tcase(suite, all);
    return suite;
}
