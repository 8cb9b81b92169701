#include "rig.h"
#include "tests.h"

/* Two members prepared, the decision in flight. */
static struct rig *deciding(void)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit committed!");
    return rig;
}

START_TEST(commit_is_durable_before_anybody_hears_of_it)
{
    struct rig *rig = rig_new(2);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin; reserve 3");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare; send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit committed!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_DECISION)->members,
                      "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_1\",\"operation\":"
                      "\"debit\",\"inquires\":true,\"vote\":\"yes\"},{\"branch\":2,\"name\":"
                      "\"debit\",\"participant\":\"bank_2\",\"operation\":\"debit\",\"inquires\":"
                      "true,\"vote\":\"yes\"}]"));
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "send 1 commit; send 2 commit; reply decided; publish decision");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED), "release 2");
    ck_assert_str_eq(rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "release 1; reply completed");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_no_aborts_all_who_may_have_heard)
{
    struct rig *rig = rig_new(3);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_result(rig, 2, OP_PREPARE, RESULT_REFUSED),
                     "send 1 abort; release 1; release 2; send 3 abort; release 3; persist "
                     "decision abort aborted!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_DECISION)->failure,
                      "{\"cause\":\"refused\",\"branch\":2,\"step\":\"debit\",\"participant\":"
                      "\"bank_2\",\"reason\":\"said so\"}"));
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "reply decided; publish decision");
    ck_assert_str_eq(rig_vote(rig, 3, VOTE_YES), ""); /* too late */
    ck_assert_str_eq(rig_done(rig, 3, OP_ABORT, BRANCH_IS_ABORTED), "reply completed");
    rig_free(rig);
}
END_TEST

START_TEST(an_unknown_prepare_is_asked_again_until_the_prepare_timeout)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    int again = 0;
    for (;;) {
        struct result none = {
            .op = OP_PREPARE, .branch = 2, .attempt = 1, .result = RESULT_UNKNOWN};
        ck_assert_str_eq(rig_full_result(rig, &none, true), "");
        const char *trace = rig_wake(rig);
        if (rig->txn.state == TXN_ABORTING) {
            ck_assert_str_eq(trace, "send 1 abort; release 1; send 2 abort; release 2; persist "
                                    "decision abort aborted!");
            break;
        }
        ck_assert_str_eq(trace, "send 2 prepare");
        ck_assert_int_lt(++again, 100);
    }
    ck_assert_int_gt(again, 2);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_UNREACHABLE);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    ck_assert_uint_eq(rig->now.mono.us, 5000000 + 2000000);
    rig_free(rig);
}
END_TEST

/* Its try, while others wait for what it holds elsewhere. */
static const char *down(struct rig *rig, uint32_t branch)
{
    struct result none = {
        .op = OP_PREPARE, .branch = branch, .attempt = 1, .result = RESULT_UNKNOWN};
    struct txn_event event = {
        .kind = TXN_EVENT_RESULT, .of.result = &none, .unsent = true, .down = true};
    return rig_step(rig, &event);
}

START_TEST(a_participant_that_is_down_is_not_waited_for)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(down(rig, 2), "send 1 abort; release 1; send 2 abort; release 2; persist "
                                   "decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_UNREACHABLE);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
}
END_TEST

START_TEST(a_slot_that_is_refused_ends_the_wait_for_all)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_int_eq(rig->txn.state, TXN_RESERVING);
    ck_assert_str_eq(down(rig, 2), "unreserve; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_UNREACHABLE);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
}
END_TEST

START_TEST(an_unanswered_prepare_times_out)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 2, VOTE_READ_ONLY);
    ck_assert_str_eq(rig_after(rig, 1999999), "");
    ck_assert_str_eq(rig_after(rig, 1), "send 1 abort; release 1; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_TIMEOUT);
    rig_free(rig);
}
END_TEST

START_TEST(retry_waits_at_least_as_long_as_it_was_told)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    struct result retry = {.op = OP_PREPARE,
                           .branch = 1,
                           .attempt = 1,
                           .result = RESULT_RETRY,
                           .retry_after_us = 700000};
    rig_full_result(rig, &retry, false);
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, rig->now.mono.us + 700000);
    ck_assert_str_eq(rig_after(rig, 699999), "");
    ck_assert_str_eq(rig_after(rig, 1), "send 1 prepare");
    rig_free(rig);
}
END_TEST

START_TEST(nobody_puts_a_decision_off_for_longer_than_the_limit)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    struct result retry = {.op = OP_COMMIT,
                           .branch = 1,
                           .attempt = 1,
                           .result = RESULT_RETRY,
                           .retry_after_us = UINT64_MAX};
    rig_full_result(rig, &retry, false);
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, rig->now.mono.us + TXN_RETRY_AFTER_MAX_US);
    rig_free(rig);
}
END_TEST

START_TEST(read_only_members_hear_no_phase_two_and_the_reply_waits_for_the_row)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_READ_ONLY), "release 1");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_READ_ONLY),
                     "release 2; persist decision commit committed!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(a_step_waits_for_the_output_it_needs)
{
    struct rig *rig = rig_new(3);
    rig->branches[1].needs = 1;
    rig->branches[2].needs = 3;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_READ_ONLY), "release 2; send 3 prepare");
    /* 3 has not answered, and one with nothing sent needs no abort */
    ck_assert_str_eq(
        rig_event(rig, TXN_EVENT_CANCELLED),
        "send 1 abort; release 1; send 3 abort; release 3; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(a_member_never_asked_is_not_told)
{
    struct rig *rig = rig_new(2);
    rig->branches[1].needs = 1;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_str_eq(rig_result(rig, 1, OP_PREPARE, RESULT_REFUSED),
                     "release 1; release 2; persist decision abort aborted!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(a_refusal_behind_an_unaccounted_try_is_told_abort)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_result(rig, 1, OP_PREPARE, RESULT_UNKNOWN);
    ck_assert_str_eq(rig_wake(rig), "send 1 prepare");
    ck_assert_str_eq(
        rig_result(rig, 1, OP_PREPARE, RESULT_REFUSED),
        "send 1 abort; release 1; send 2 abort; release 2; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(phase_two_goes_on_without_end_and_completed_does_not_wait_for_it)
{
    struct rig *rig = deciding();
    rig_durable(rig, TXN_RECORD_DECISION);
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_result(rig, 2, OP_COMMIT, RESULT_UNKNOWN), "release 2; reply completed");
    for (int i = 0; i < 1000; i++) {
        ck_assert_str_eq(rig_wake(rig), "send 2 commit");
        ck_assert_str_eq(rig_result(rig, 2, OP_COMMIT, RESULT_UNKNOWN), "");
        ck_assert_uint_le(txn_wake_at(&rig->txn).us,
                          rig->now.mono.us + rig->policy.retry_interval_max_us);
    }
    ck_assert_int_eq(rig->txn.state, TXN_COMMITTING);
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_UNSAID), "");
    ck_assert_int_eq(rig->txn.state, TXN_PUBLISHING);
    ck_assert_str_eq(rig_wake(rig), "persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(while_deciding_neither_timer_nor_cancel_aborts)
{
    struct rig *rig = deciding();
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, 0);
    ck_assert_str_eq(rig_after(rig, 3600000000), "");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    ck_assert_int_eq(rig->txn.state, TXN_DECIDING);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    rig_free(rig);
}
END_TEST

START_TEST(a_row_found_written_is_ours)
{
    struct rig *rig = deciding();
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_DECISION, TXN_ALREADY, TXN_COMMIT),
                     "send 1 commit; send 2 commit; reply decided; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(a_row_that_says_abort_holds)
{
    struct rig *rig = deciding();
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_DECISION, TXN_ALREADY, TXN_ABORT),
                     "send 1 abort; release 1; send 2 abort; release 2; reply decided");
    ck_assert_int_eq(rig->txn.decision, TXN_ABORT);
    rig_free(rig);
}
END_TEST

START_TEST(a_row_that_says_commit_holds)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED);
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_DECISION, TXN_ALREADY, TXN_COMMIT),
                     "persist outcome commit mixed!; send 2 commit");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_COMMITTED);
    rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME),
                     "publish outcome; reply decided; reply completed");
    rig_free(rig);
}
END_TEST

START_TEST(a_wrong_epoch_ends_everything)
{
    struct rig *rig = deciding();
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_DECISION, TXN_FENCED, TXN_UNDECIDED), "");
    ck_assert_int_eq(rig->txn.state, TXN_LOST);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    rig_free(rig);
}
END_TEST

START_TEST(a_refused_commit_parks_its_branch_and_the_others_go_on)
{
    struct rig *rig = deciding();
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_result(rig, 1, OP_COMMIT, RESULT_REFUSED), "release 1");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "release 2; reply completed");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "");
    ck_assert_str_eq(rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_heuristic_makes_the_outcome_mixed_with_a_second_event)
{
    struct rig *rig = deciding();
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_result(rig, 1, OP_COMMIT, RESULT_HEURISTIC),
                     "release 1; persist outcome commit mixed!");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED), "release 2");
    ck_assert_int_eq(rig->txn.state, TXN_COMMITTING);
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_COMMITTED); /* mixed is not durable yet */
    BUFFER_SCOPED struct buffer failure = {0};
    txn_failure_tell(&rig->txn, &failure);
    ck_assert_str_eq(buffer_text(&failure), "null");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME),
                     "publish outcome; reply decided; reply completed");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_MIXED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "persist end commit mixed; ended");
    rig_free(rig);
}
END_TEST

/* Faults by record: an event belongs to the record that makes it. Mixed is asked for when the abort
 * that it contradicts is durable, and told when it is durable itself. */
START_TEST(an_abort_that_finds_a_commit_is_mixed)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_COMMITTED), "");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_NONE);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "persist outcome abort mixed!; publish decision");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_ABORTED);
    ck_assert_int_eq(rig->effects.list[1].record.outcome, TXN_OUTCOME_ABORTED);
    rig_done(rig, 2, OP_ABORT, BRANCH_IS_ABORTED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME),
                     "publish outcome; reply decided; reply completed");
    ck_assert_int_eq(rig->effects.list[0].record.outcome, TXN_OUTCOME_MIXED);
    rig_free(rig);
}
END_TEST

START_TEST(a_commit_in_spite_of_an_abort_that_the_row_does_not_say_is_none)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_done(rig, 1, OP_ABORT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_DECISION, TXN_ALREADY, TXN_COMMIT),
                     "send 1 commit; send 2 commit; reply decided");
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "reply completed; persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(begin_is_forced_for_what_silence_could_not_end)
{
    struct rig *rig = rig_new(2);
    rig->branches[1].inquires = false;
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), "reserve 3");
    rig_free(rig);
    rig = rig_new(2);
    rig->origin.accepted = true;
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), "reply accepted; reserve 3");
    rig_free(rig);
}
END_TEST

START_TEST(slots_granted_too_late_are_given_back)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_after(rig, 2000000), "unreserve; persist decision abort aborted!");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "release 1; release 2");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "");
    rig_free(rig);
}
END_TEST

START_TEST(what_comes_twice_or_late_changes_nothing)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "");
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "");
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "");
    ck_assert_str_eq(rig_result(rig, 1, OP_PREPARE, RESULT_REFUSED), "");
    ck_assert_str_eq(rig_vote(rig, 7, VOTE_YES), "");
    struct result other = {
        .op = OP_PREPARE, .branch = 2, .attempt = 2, .result = RESULT_VOTE, .vote = VOTE_YES};
    ck_assert_str_eq(rig_full_result(rig, &other, false), "");
    ck_assert_int_eq(rig->txn.state, TXN_PREPARING);
    rig_free(rig);
}
END_TEST

START_TEST(an_input_that_can_not_be_made_aborts)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    struct txn_event event = {.kind = TXN_EVENT_UNSENDABLE};
    event.of.number = 2;
    ck_assert_str_eq(
        rig_step(rig, &event),
        "send 1 abort; release 1; send 2 abort; release 2; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_INPUT);
    rig_free(rig);
}
END_TEST

START_TEST(sixty_four_branches_fit_a_step)
{
    struct rig *rig = rig_new(64);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_uint_eq(rig->effects.count, 64);
    for (uint32_t i = 1; i < 64; i++)
        ck_assert_str_eq(rig_vote(rig, i, VOTE_YES), "");
    ck_assert_str_eq(rig_vote(rig, 64, VOTE_YES), "persist decision commit committed!");
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_uint_eq(rig->effects.count, 66);
    rig_free(rig);
}
END_TEST

TCase *two_phase_tests(void)
{
    TCase *tests = tcase_create("two_phase");
    tcase_add_test(tests, commit_is_durable_before_anybody_hears_of_it);
    tcase_add_test(tests, a_no_aborts_all_who_may_have_heard);
    tcase_add_test(tests, an_unknown_prepare_is_asked_again_until_the_prepare_timeout);
    tcase_add_test(tests, a_participant_that_is_down_is_not_waited_for);
    tcase_add_test(tests, a_slot_that_is_refused_ends_the_wait_for_all);
    tcase_add_test(tests, an_unanswered_prepare_times_out);
    tcase_add_test(tests, retry_waits_at_least_as_long_as_it_was_told);
    tcase_add_test(tests, nobody_puts_a_decision_off_for_longer_than_the_limit);
    tcase_add_test(tests, read_only_members_hear_no_phase_two_and_the_reply_waits_for_the_row);
    tcase_add_test(tests, a_step_waits_for_the_output_it_needs);
    tcase_add_test(tests, a_member_never_asked_is_not_told);
    tcase_add_test(tests, a_refusal_behind_an_unaccounted_try_is_told_abort);
    tcase_add_test(tests, phase_two_goes_on_without_end_and_completed_does_not_wait_for_it);
    tcase_add_test(tests, while_deciding_neither_timer_nor_cancel_aborts);
    tcase_add_test(tests, a_row_found_written_is_ours);
    tcase_add_test(tests, a_row_that_says_abort_holds);
    tcase_add_test(tests, a_row_that_says_commit_holds);
    tcase_add_test(tests, a_wrong_epoch_ends_everything);
    tcase_add_test(tests, a_refused_commit_parks_its_branch_and_the_others_go_on);
    tcase_add_test(tests, a_heuristic_makes_the_outcome_mixed_with_a_second_event);
    tcase_add_test(tests, an_abort_that_finds_a_commit_is_mixed);
    tcase_add_test(tests, a_commit_in_spite_of_an_abort_that_the_row_does_not_say_is_none);
    tcase_add_test(tests, begin_is_forced_for_what_silence_could_not_end);
    tcase_add_test(tests, slots_granted_too_late_are_given_back);
    tcase_add_test(tests, what_comes_twice_or_late_changes_nothing);
    tcase_add_test(tests, an_input_that_can_not_be_made_aborts);
    tcase_add_test(tests, sixty_four_branches_fit_a_step);
    return tests;
}
