/* What time a command has: its own from when it leaves, and its transaction's end. */
#include "rig.h"
#include "tests.h"

static void has(const struct rig *rig, uint32_t branch, uint64_t timeout_us, uint64_t deadline_us)
{
    ck_assert_uint_eq(rig_sent(rig, branch)->timeout_us, timeout_us);
    ck_assert_uint_eq(rig_sent(rig, branch)->deadline.us, deadline_us);
}

START_TEST(a_prepare_ends_with_the_prepare_timeout)
{
    struct rig *rig = rig_new(2);
    uint64_t now_us = rig->now.mono.us;
    rig->branches[0].timeout_us = 300000;
    rig_begin(rig);
    has(rig, 1, 300000, now_us + 2000000);
    has(rig, 2, 2000000, now_us + 2000000);
    rig_result(rig, 1, OP_PREPARE, RESULT_RETRY);
    rig->now.mono.us = rig->txn.branches[0].retry_at.us;
    rig_event(rig, TXN_EVENT_TIMER);
    has(rig, 1, 300000, now_us + 2000000); /* the same end, whenever it leaves */
    rig_free(rig);
}
END_TEST

START_TEST(a_try_that_nobody_can_answer_does_not_leave)
{
    /* Whatever the wait before it comes to: the answer that is kept is one to a try that had time.
     */
    struct rig *rig = rig_new(2);
    uint64_t end_us = rig->now.mono.us + 2000000;
    uint32_t sent = 0;
    rig->txn.random += (uint64_t)_i; /* another jitter each time */
    rig_begin(rig);
    while (rig->txn.state == TXN_PREPARING) {
        struct result result = {.op = OP_PREPARE,
                                .branch = 1,
                                .attempt = 1,
                                .result = RESULT_RETRY,
                                .reason = SPAN("no such column")};
        rig_full_result(rig, &result, false);
        ck_assert_uint_le(rig->txn.branches[0].retry_at.us, end_us);
        rig->now.mono.us = rig->txn.branches[0].retry_at.us;
        rig_event(rig, TXN_EVENT_TIMER);
        if (rig->txn.state != TXN_PREPARING)
            break;
        ck_assert_uint_gt(rig_sent(rig, 1)->timeout_us, 100000); /* the first retry's wait */
        sent++;
    }
    ck_assert_uint_gt(sent, 1);
    ck_assert_uint_eq(rig->now.mono.us, end_us);
    ck_assert_int_eq(rig->txn.state, TXN_ABORTING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_TIMEOUT);
    rig_free(rig);
}
END_TEST

START_TEST(the_end_of_two_phase_commit_has_no_deadline)
{
    struct rig *rig = rig_new(2);
    rig_begin(rig);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    has(rig, 1, rig->policy.call_timeout_us, 0);
    rig_free(rig);
}
END_TEST

START_TEST(a_delegated_execute_ends_with_its_transaction)
{
    struct rig *rig = rig_new(1);
    uint64_t began_us = rig->now.mono.us;
    rig_begin(rig);
    rig_durable(rig, TXN_RECORD_DELEGATE);
    has(rig, 1, 2000000, began_us + 10000000);
    rig_free(rig);
}
END_TEST

START_TEST(a_step_ends_with_its_saga_but_behind_the_pivot)
{
    /* A compensation and what is behind the pivot are said however late it is. */
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cpr");
    uint64_t end_us = rig->now.mono.us + 10000000;
    rig_begin(rig);
    has(rig, 1, rig->policy.call_timeout_us, end_us);
    rig_executed(rig, 1, NULL);
    has(rig, 2, rig->policy.call_timeout_us, end_us);
    rig_executed(rig, 2, NULL);
    has(rig, 3, rig->policy.call_timeout_us, 0);
    rig_free(rig);

    rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    rig_executed(rig, 1, NULL);
    rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED);
    rig_durable(rig, TXN_RECORD_DECISION);
    has(rig, 1, rig->policy.call_timeout_us, 0);
    rig_free(rig);
}
END_TEST

TCase *timer_tests(void)
{
    TCase *tests = tcase_create("timer");
    tcase_add_test(tests, a_prepare_ends_with_the_prepare_timeout);
    tcase_add_loop_test(tests, a_try_that_nobody_can_answer_does_not_leave, 0, 20);
    tcase_add_test(tests, the_end_of_two_phase_commit_has_no_deadline);
    tcase_add_test(tests, a_delegated_execute_ends_with_its_transaction);
    tcase_add_test(tests, a_step_ends_with_its_saga_but_behind_the_pivot);
    return tests;
}
