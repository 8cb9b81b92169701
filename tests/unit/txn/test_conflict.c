#include <base/json.h>

#include "rig.h"
#include "tests.h"

static struct rig *preparing(uint32_t branches)
{
    struct rig *rig = rig_new(branches);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    return rig;
}

static const char *meets(struct rig *rig, uint32_t branch, enum message_op op)
{
    struct result result = {.op = op,
                            .branch = branch,
                            .attempt = rig->txn.attempt,
                            .result = RESULT_CONFLICT,
                            .reason = SPAN("the row is locked")};
    return rig_full_result(rig, &result, false);
}

/* Attempt 2, in order, with its first prepare out. */
static struct rig *in_order(uint32_t branches)
{
    struct rig *rig = preparing(branches);
    meets(rig, branches, OP_PREPARE);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
    return rig;
}

START_TEST(a_conflict_ends_its_attempt_with_one_write_and_the_aborts_beside_it)
{
    struct rig *rig = preparing(2);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(meets(rig, 2, OP_PREPARE),
                     "send 1 abort #1; send 2 abort #1; release 1; release 2; "
                     "persist attempt abort!");
    ck_assert_int_eq(rig->txn.state, TXN_RESTARTING);
    ck_assert_uint_eq(rig->txn.attempt, 2);
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), ""); /* of no attempt that is */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT), "reserve 3");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
    ck_assert_str_eq(rig_earlier(rig, 1, RESULT_DONE), "");
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "send 2 prepare");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit committed #2!");
    rig_free(rig);
}
END_TEST

START_TEST(in_order_is_by_participant_then_by_step)
{
    struct rig *rig = rig_new(4);
    rig->origin.ordered = true;
    rig->branches[0].participant = "bank_b";
    rig->branches[1].participant = "bank_a";
    rig->branches[2].participant = "bank_b";
    rig->branches[3].participant = "bank";
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 4 prepare");
    ck_assert_str_eq(rig_vote(rig, 4, VOTE_YES), "send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_READ_ONLY), "release 2; send 1 prepare");
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "send 3 prepare");
    rig_free(rig);
}
END_TEST

START_TEST(what_is_hot_prepares_last_and_needs_go_before_all_else)
{
    struct rig *rig = rig_new(3);
    rig->origin.ordered = true;
    rig->branches[0].prepares_last = true;
    rig->branches[1].needs = 1u << 2;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 3 prepare");
    ck_assert_str_eq(rig_vote(rig, 3, VOTE_YES), "send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "send 1 prepare");
    rig_free(rig);
}
END_TEST

START_TEST(after_is_an_order_of_prepares)
{
    struct rig *rig = rig_new(3);
    rig->branches[0].prepare_after = 1u << 1;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 2 prepare; send 3 prepare");
    ck_assert_str_eq(rig_vote(rig, 3, VOTE_YES), "");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "send 1 prepare");
    rig_free(rig);
}
END_TEST

START_TEST(parallel_prepares_wait_briefly_and_those_in_order_for_what_is_left)
{
    struct rig *rig = preparing(2);
    ck_assert_uint_eq(rig_sent(rig, 1)->lock_wait_us, 100000);
    ck_assert(!rig_sent(rig, 1)->ordered);
    meets(rig, 2, OP_PREPARE);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_uint_eq(rig_sent(rig, 1)->timeout_us, 2000000);
    ck_assert_uint_eq(rig_sent(rig, 1)->lock_wait_us, 1750000);
    ck_assert(rig_sent(rig, 1)->ordered);
    rig_free(rig);

    rig = rig_new(2);
    rig->origin.prepare_timeout_us = 50000; /* half of it is for an attempt in order */
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_uint_eq(rig_sent(rig, 1)->lock_wait_us, 25000);
    rig_free(rig);
}
END_TEST

START_TEST(a_conflict_gives_nobody_more_time)
{
    struct rig *rig = preparing(2);
    uint64_t deadline_us = rig->now.mono.us + 2000000;
    rig->now.mono.us += 500000;
    meets(rig, 2, OP_PREPARE);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, deadline_us);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, deadline_us);
    rig_wake(rig);
    ck_assert_int_eq(rig->txn.state, TXN_ABORTING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
}
END_TEST

/* With no more left than what is kept back of a wait there would be no attempt worth its write, and
 * none that finds out who holds the lock. */
START_TEST(who_has_waited_in_order_for_its_whole_time_has_no_further_attempt)
{
    struct rig *rig = in_order(2);
    rig_vote(rig, 1, VOTE_YES);
    rig->now.mono.us += 1000000;
    meets(rig, 2, OP_PREPARE);
    ck_assert_int_eq(rig->txn.state, TXN_RESTARTING);
    rig_free(rig);

    rig = in_order(2);
    rig_vote(rig, 1, VOTE_YES);
    rig->now.mono.us += 1760000;
    meets(rig, 2, OP_PREPARE);
    ck_assert_int_eq(rig->txn.state, TXN_ABORTING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    rig_free(rig);
}
END_TEST

START_TEST(who_holds_nothing_elsewhere_tries_the_same_attempt_again_without_a_write)
{
    struct rig *rig = in_order(2);
    uint64_t now_us = rig->now.mono.us;
    ck_assert_str_eq(meets(rig, 1, OP_PREPARE), "release 1; release 2");
    ck_assert_int_eq(rig->txn.state, TXN_RESTARTING);
    ck_assert_uint_eq(rig->txn.attempt, 2);
    ck_assert_str_eq(rig_wake(rig), "reserve 3"); /* and no slot is held while it waits */
    ck_assert_uint_ge(rig->now.mono.us, now_us + 5000);
    ck_assert_uint_le(rig->now.mono.us, now_us + 20000);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
    rig_free(rig);
}
END_TEST

START_TEST(a_conflict_behind_a_vote_in_order_begins_another_attempt_in_order)
{
    struct rig *rig = in_order(2);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(meets(rig, 2, OP_PREPARE),
                     "send 1 abort #2; send 2 abort #2; release 1; release 2; "
                     "persist attempt abort #2!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT), ""); /* it is not time yet */
    ck_assert_str_eq(rig_wake(rig), "reserve 3");
    ck_assert_str_eq(rig_earlier(rig, 1, RESULT_DONE), ""); /* of attempt 2 */
    struct result late = {.op = OP_ABORT, .branch = 2, .attempt = 1, .result = RESULT_DONE};
    ck_assert_str_eq(rig_full_result(rig, &late, false), ""); /* says nothing of attempt 2 */
    ck_assert_uint_eq(rig->txn.owed, 2);
    rig_free(rig);
}
END_TEST

static uint64_t wait_of(bool older)
{
    struct rig *rig = in_order(2);
    struct troth_gtid_parts parts = {.unix_ms = 1000, .epoch = 1, .counter = 5};
    troth_gtid blocker;
    ck_assert_int_eq(troth_gtid_make(&parts, &rig->origin.gtid), 0);
    parts.counter = older ? 9 : 2;
    ck_assert_int_eq(troth_gtid_make(&parts, &blocker), 0);
    struct result result = {
        .op = OP_PREPARE, .branch = 1, .attempt = 2, .result = RESULT_CONFLICT, .blocker = blocker};
    rig_full_result(rig, &result, false);
    uint64_t wait_us = txn_wake_at(&rig->txn).us - rig->now.mono.us;
    rig_free(rig);
    return wait_us;
}

START_TEST(the_older_of_two_that_met_comes_back_sooner)
{
    ck_assert_uint_le(wait_of(true), 5000);
    ck_assert_uint_ge(wait_of(false), 5000);
}
END_TEST

START_TEST(what_fails_by_a_conflict_says_where_and_who_held_it)
{
    struct rig *rig = in_order(2);
    struct troth_gtid_parts parts = {.unix_ms = 1000, .epoch = 1, .counter = 5};
    struct result result = {.op = OP_PREPARE,
                            .branch = 1,
                            .attempt = 2,
                            .result = RESULT_CONFLICT,
                            .reason = SPAN("the row is locked")};
    ck_assert_int_eq(troth_gtid_make(&parts, &result.blocker), 0);
    rig->now.mono.us += 1999999;
    ck_assert_str_eq(
        rig_full_result(rig, &result, false),
        "send 1 abort; release 1; send 2 abort; release 2; persist decision abort aborted #2!");
    struct buffer wanted = {0};
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&result.blocker, text);
    buffer_append_format(&wanted,
                         "{\"cause\":\"conflict\",\"blocker\":\"%s\",\"branch\":1,\"step\":"
                         "\"debit\",\"participant\":\"bank_1\",\"reason\":\"the row is locked\"}",
                         text);
    ck_assert(span_is(rig_record(rig, TXN_RECORD_DECISION)->failure, buffer_text(&wanted)));
    buffer_finish(&wanted);
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_between_two_attempts_aborts_at_once)
{
    struct rig *rig = in_order(2);
    meets(rig, 1, OP_PREPARE);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED),
                     "send 1 abort; send 2 abort; persist decision abort aborted #2!");
    rig_free(rig);
    rig = preparing(2);
    meets(rig, 1, OP_PREPARE);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), ""); /* the write is in flight */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort; send 2 abort; persist decision abort aborted #2!");
    rig_free(rig);
}
END_TEST

START_TEST(the_end_waits_for_the_aborts_of_earlier_attempts)
{
    struct rig *rig = in_order(2);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    rig_event(rig, TXN_EVENT_PUBLISHED);
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "release 2; reply completed");
    ck_assert_str_eq(rig_earlier(rig, 1, RESULT_DONE), "");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_REFUSED), ""); /* makes no sense: parked */
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 abort #1");
    ck_assert_int_eq(rig->txn.state, TXN_COMMITTING);
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "persist end commit committed #2; ended");
    rig_free(rig);
}
END_TEST

START_TEST(no_saga_for_a_conflict_before_an_attempt_in_order)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "ccr");
    rig_begin(rig);
    ck_assert_str_eq(meets(rig, 2, OP_PREPARE),
                     "send 1 abort #1; send 2 abort #1; release 1; release 2; "
                     "persist attempt abort!");
    ck_assert_int_eq(rig->txn.protocol, TXN_PROTOCOL_2PC);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
    rig_vote(rig, 1, VOTE_YES);
    rig->now.mono.us += 1999999;
    meets(rig, 2, OP_PREPARE); /* no time is left for another one */
    ck_assert_int_eq(rig->txn.state, TXN_FALLING_BACK);
    ck_assert_int_eq(rig->txn.fallback_cause, TXN_CAUSE_CONFLICT);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort #2; send 2 abort #2; send 1 execute");
    rig_free(rig);
}
END_TEST

START_TEST(a_single_branch_tries_again_as_long_as_a_prepare_may_take)
{
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_durable(rig, TXN_RECORD_DELEGATE);
    ck_assert(rig_sent(rig, 1)->ordered); /* it holds nothing elsewhere */
    ck_assert_str_eq(meets(rig, 1, OP_EXECUTE), "");
    ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    rig->now.mono.us += 2000000;
    ck_assert_str_eq(meets(rig, 1, OP_EXECUTE), "send 1 abort");
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED),
                     "release 1; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    rig_free(rig);
}
END_TEST

/* In parallel or in order, and whatever time is left. */
START_TEST(what_another_step_of_the_same_attempt_holds_is_not_tried_again)
{
    struct rig *rig = _i == 0 ? preparing(2) : in_order(2);
    rig->origin.gtid.bytes[15] = 1;
    rig_vote(rig, 1, VOTE_YES);
    struct result result = {.op = OP_PREPARE,
                            .branch = 2,
                            .attempt = rig->txn.attempt,
                            .result = RESULT_CONFLICT,
                            .blocker = rig->origin.gtid};
    rig_full_result(rig, &result, false);
    ck_assert_int_eq(rig->txn.state, TXN_ABORTING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
}
END_TEST

START_TEST(what_another_step_of_the_same_attempt_holds_is_a_reason_to_fall_back)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "ccr");
    rig->origin.gtid.bytes[15] = 1;
    rig_begin(rig);
    rig_vote(rig, 1, VOTE_YES);
    struct result result = {.op = OP_PREPARE,
                            .branch = 2,
                            .attempt = rig->txn.attempt,
                            .result = RESULT_CONFLICT,
                            .blocker = rig->origin.gtid};
    rig_full_result(rig, &result, false);
    ck_assert_int_eq(rig->txn.state, TXN_FALLING_BACK);
    ck_assert_int_eq(rig->txn.fallback_cause, TXN_CAUSE_CONFLICT);
    rig_free(rig);
}
END_TEST

START_TEST(an_interactive_one_can_not_do_its_work_again)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    rig_enlist(rig, 1, true, VOTE_NONE);
    rig_enlist(rig, 2, true, VOTE_NONE);
    rig_close(rig, NULL, 0);
    rig_event(rig, TXN_EVENT_RESERVED);
    meets(rig, 2, OP_PREPARE);
    ck_assert_int_eq(rig->txn.state, TXN_ABORTING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    rig_free(rig);
}
END_TEST

START_TEST(a_step_that_meets_conflicts_only_turns_with_that_cause)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    meets(rig, 1, OP_EXECUTE);
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_wake(rig);
    rig_durable(rig, TXN_RECORD_STEP); /* counts the second, and last, try */
    meets(rig, 1, OP_EXECUTE);
    ck_assert_int_eq(rig->txn.state, TXN_TURNING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CONFLICT);
    rig_free(rig);
}
END_TEST

/* A participant that says when is not asked before, also where another transaction is why. */
START_TEST(a_step_that_meets_a_conflict_waits_as_long_as_it_was_told)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    struct result conflict = {.op = OP_EXECUTE,
                              .branch = 1,
                              .attempt = 1,
                              .result = RESULT_CONFLICT,
                              .retry_after_us = 7000000};
    rig_full_result(rig, &conflict, false);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_uint_ge(txn_wake_at(&rig->txn).us, rig->now.mono.us + 7000000);
    rig_free(rig);
}
END_TEST

TCase *conflict_tests(void)
{
    TCase *tcase = tcase_create("conflict");
    tcase_add_test(tcase, a_conflict_ends_its_attempt_with_one_write_and_the_aborts_beside_it);
    tcase_add_test(tcase, in_order_is_by_participant_then_by_step);
    tcase_add_test(tcase, what_is_hot_prepares_last_and_needs_go_before_all_else);
    tcase_add_test(tcase, after_is_an_order_of_prepares);
    tcase_add_test(tcase, parallel_prepares_wait_briefly_and_those_in_order_for_what_is_left);
    tcase_add_test(tcase, a_conflict_gives_nobody_more_time);
    tcase_add_test(tcase, who_has_waited_in_order_for_its_whole_time_has_no_further_attempt);
    tcase_add_test(tcase, who_holds_nothing_elsewhere_tries_the_same_attempt_again_without_a_write);
    tcase_add_test(tcase, a_conflict_behind_a_vote_in_order_begins_another_attempt_in_order);
    tcase_add_test(tcase, the_older_of_two_that_met_comes_back_sooner);
    tcase_add_test(tcase, what_fails_by_a_conflict_says_where_and_who_held_it);
    tcase_add_test(tcase, a_cancel_between_two_attempts_aborts_at_once);
    tcase_add_test(tcase, the_end_waits_for_the_aborts_of_earlier_attempts);
    tcase_add_test(tcase, no_saga_for_a_conflict_before_an_attempt_in_order);
    tcase_add_test(tcase, a_single_branch_tries_again_as_long_as_a_prepare_may_take);
    tcase_add_loop_test(tcase, what_another_step_of_the_same_attempt_holds_is_not_tried_again, 0,
                        2);
    tcase_add_test(tcase, what_another_step_of_the_same_attempt_holds_is_a_reason_to_fall_back);
    tcase_add_test(tcase, an_interactive_one_can_not_do_its_work_again);
    tcase_add_test(tcase, a_step_that_meets_conflicts_only_turns_with_that_cause);
    tcase_add_test(tcase, a_step_that_meets_a_conflict_waits_as_long_as_it_was_told);
    return tcase;
}
