#include "rig.h"
#include "tests.h"

static struct rig *delegated(void)
{
    struct rig *rig = rig_new(1);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin; reserve 1");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "persist delegate!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DELEGATE), "send 1 execute");
    return rig;
}

START_TEST(one_branch_decides_by_its_answer)
{
    struct rig *rig = delegated();
    ck_assert_str_eq(rig_done(rig, 1, OP_EXECUTE, BRANCH_IS_UNSAID),
                     "release 1; persist decision commit committed!");
    ck_assert_uint_eq(rig_record(rig, TXN_RECORD_DECISION)->delegated_branch, 1);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_branch_that_can_not_inquire_needs_no_begin_of_its_own_beside_the_delegation)
{
    struct rig *rig = rig_new(1);
    rig->branches[0].inquires = false;
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin; reserve 1");
    rig_free(rig);
}
END_TEST

START_TEST(its_refusal_is_the_abort)
{
    struct rig *rig = delegated();
    ck_assert_str_eq(rig_result(rig, 1, OP_EXECUTE, RESULT_REFUSED),
                     "release 1; persist decision abort aborted!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(unknown_is_asked_again_past_the_prepare_timeout)
{
    struct rig *rig = delegated();
    rig->txn.deadline.us = 0; /* no timeout at all: without end */
    for (int i = 0; i < 200; i++) {
        ck_assert_str_eq(rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN), "");
        ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    }
    ck_assert_uint_gt(rig->now.mono.us, 5000000 + 2000000);
    ck_assert_int_eq(rig->txn.state, TXN_DELEGATED);
    rig_free(rig);
}
END_TEST

START_TEST(a_timeout_revokes_and_the_answer_committed_is_the_decision)
{
    struct rig *rig = delegated();
    ck_assert_str_eq(rig_after(rig, 10000000), "send 1 abort");
    ck_assert_str_eq(rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_COMMITTED),
                     "release 1; persist decision commit committed!");
    ck_assert(span_is(rig->branches[0].output, "{\"balance\":0.10}"));
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_NONE);
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_revokes_and_the_answer_aborted_is_the_decision)
{
    struct rig *rig = delegated();
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "send 1 abort");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    ck_assert_str_eq(rig_result(rig, 1, OP_ABORT, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_wake(rig), "send 1 abort");
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED),
                     "release 1; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CANCELLED);
    rig_free(rig);
}
END_TEST

START_TEST(a_late_done_behind_the_abort_commits)
{
    struct rig *rig = delegated();
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_done(rig, 1, OP_EXECUTE, BRANCH_IS_UNSAID),
                     "release 1; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_revocation_answered_with_nonsense_parks_undecided)
{
    struct rig *rig = delegated();
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_UNSAID), "release 1");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_UNSAID), "");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "send 1 abort"); /* asks once more */
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED),
                     "persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(before_execute_has_left_a_cancel_simply_aborts)
{
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED),
                     "release 1; persist decision abort aborted!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DELEGATE), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(an_unsendable_execute_is_revoked_not_presumed)
{
    struct rig *rig = delegated();
    struct txn_event event = {.kind = TXN_EVENT_UNSENDABLE};
    event.of.number = 1;
    ck_assert_str_eq(rig_step(rig, &event), "send 1 abort");
    rig_free(rig);
}
END_TEST

TCase *one_phase_tests(void)
{
    TCase *tests = tcase_create("one_phase");
    tcase_add_test(tests, one_branch_decides_by_its_answer);
    tcase_add_test(tests,
                   a_branch_that_can_not_inquire_needs_no_begin_of_its_own_beside_the_delegation);
    tcase_add_test(tests, its_refusal_is_the_abort);
    tcase_add_test(tests, unknown_is_asked_again_past_the_prepare_timeout);
    tcase_add_test(tests, a_timeout_revokes_and_the_answer_committed_is_the_decision);
    tcase_add_test(tests, a_cancel_revokes_and_the_answer_aborted_is_the_decision);
    tcase_add_test(tests, a_late_done_behind_the_abort_commits);
    tcase_add_test(tests, a_revocation_answered_with_nonsense_parks_undecided);
    tcase_add_test(tests, before_execute_has_left_a_cancel_simply_aborts);
    tcase_add_test(tests, an_unsendable_execute_is_revoked_not_presumed);
    return tests;
}
