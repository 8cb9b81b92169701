#include "rig.h"
#include "tests.h"

static struct rig *begun(const char *kinds, const char *first)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, kinds);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), first);
    return rig;
}

static struct rig *running(const char *kinds)
{
    return begun(kinds, "reply accepted; send 1 execute");
}

/* The last write of a saga, told and noted. */
static void concluded(struct rig *rig, enum txn_record_kind kind, enum txn_outcome outcome)
{
    ck_assert_str_eq(rig_durable(rig, kind),
                     kind == TXN_RECORD_DECISION
                         ? "reply decided; reply completed; publish decision"
                         : "reply decided; reply completed; publish outcome");
    ck_assert_int_eq(rig->txn.outcome, outcome);
    rig_event(rig, TXN_EVENT_PUBLISHED);
    ck_assert_int_eq(rig->txn.state, TXN_ENDED);
    rig_free(rig);
}

START_TEST(a_saga_commits_with_its_last_step)
{
    struct rig *rig = running("cpr");
    ck_assert_str_eq(rig_executed(rig, 1, "{\"id\":9007199254740993}"),
                     "persist step 1 done; send 2 execute");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_STEP)->step,
                      "{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1,\"output\":{"
                      "\"id\":9007199254740993}}"));
    ck_assert_uint_eq(rig_record(rig, TXN_RECORD_STEP)->step_seq, (UINT64_C(1) << 32) + 1);
    ck_assert_str_eq(rig_executed(rig, 2, NULL), "persist step 2 done; send 3 execute");
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done; persist decision commit committed!");
    ck_assert_str_eq(rig_after(rig, 20000000), ""); /* its time is over: too late (fault 25) */
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    concluded(rig, TXN_RECORD_DECISION, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(independent_steps_run_beside_each_other_and_the_pivot_waits_for_all)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cccp");
    rig->branches[1].after = 0;
    rig->branches[2].after = 1;
    rig->branches[3].after = 2;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN),
                     "reply accepted; send 1 execute; send 2 execute");
    ck_assert_str_eq(rig_executed(rig, 2, NULL), "persist step 2 done");
    ck_assert_str_eq(rig_executed(rig, 1, NULL), "persist step 1 done; send 3 execute");
    ck_assert_str_eq(rig_executed(rig, 3, NULL), "persist step 3 done; send 4 execute");
    rig_free(rig);
}
END_TEST

START_TEST(a_refusal_at_step_two_compensates_step_one_and_not_itself)
{
    struct rig *rig = running("ccc");
    rig_executed(rig, 1, "{\"id\":7}");
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED), "persist decision abort!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_DECISION)->failure,
                      "{\"cause\":\"refused\",\"branch\":2,\"step\":\"debit\",\"participant\":"
                      "\"bank_2\",\"reason\":\"said so\"}"));
    ck_assert(!rig_record(rig, TXN_RECORD_DECISION)->publishes);
    ck_assert_str_eq(rig_after(rig, 1000000), ""); /* nothing leaves before the turn is durable */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 compensate");
    ck_assert(span_is(rig->branches[0].output, "{\"id\":7}"));
    ck_assert_str_eq(rig_done(rig, 1, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 1 compensated; persist outcome abort compensated!");
    concluded(rig, TXN_RECORD_OUTCOME, TXN_OUTCOME_COMPENSATED);
}
END_TEST

START_TEST(two_attempts_are_two_tries_and_then_it_may_have_run)
{
    struct rig *rig = running("cc");
    rig_executed(rig, 1, NULL);
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN), "persist step 2 waiting");
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, rig->txn.deadline.us); /* its record first */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "");
    ck_assert_str_eq(rig_after(rig, 99999), "");
    ck_assert_str_eq(rig_after(rig, 1), "persist step 2 trying!"); /* counted before it leaves */
    ck_assert(span_is(rig_record(rig, TXN_RECORD_STEP)->step,
                      "{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":2}"));
    /* What only counts takes the place of what counted before. */
    ck_assert_uint_eq(rig_record(rig, TXN_RECORD_STEP)->step_seq, (UINT64_C(1) << 32) + 2);
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN), ""); /* of the first, again */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute");
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 2 compensated; send 1 compensate"); /* in reverse */
    ck_assert_uint_eq(rig_record(rig, TXN_RECORD_STEP)->step_seq, (UINT64_C(1) << 32) + 3);
    rig_free(rig);
}
END_TEST

START_TEST(a_refusal_behind_an_unknown_try_does_not_clear_it)
{
    struct rig *rig = running("cc");
    rig_executed(rig, 1, NULL);
    rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_after(rig, 100000);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute");
    rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate");
    rig_free(rig);
}
END_TEST

static const char *unsent(struct rig *rig, uint32_t branch)
{
    return rig_full_result(
        rig,
        &(struct result){
            .op = OP_EXECUTE, .branch = branch, .attempt = 1, .result = RESULT_UNKNOWN},
        true);
}

/* [NEVERLEFT]: refused connections only, also of a pivot: nothing ran, so nothing is undone or
 * revoked; a try that left among them, and it is. */
START_TEST(what_never_left_is_not_compensated)
{
    bool left = _i % 2 == 1;
    bool is_pivot = _i >= 2;
    struct rig *rig = running(is_pivot ? "cp" : "cc");
    rig_executed(rig, 1, NULL);
    if (left)
        rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN);
    else
        unsent(rig, 2);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_after(rig, 100000);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute");
    if (left && is_pivot) {
        ck_assert_str_eq(unsent(rig, 2), "send 2 abort");
    } else {
        ck_assert_str_eq(unsent(rig, 2), "persist decision abort!");
        ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                         left ? "send 2 compensate" : "send 1 compensate");
        ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_UNREACHABLE);
    }
    rig_free(rig);
}
END_TEST

/* The same where a cancel comes between two tries; one that is out may arrive. */
START_TEST(a_cancel_between_two_tries_that_never_left)
{
    struct rig *rig = running(_i == 2 ? "cp" : "cc");
    rig_executed(rig, 1, NULL);
    if (_i != 0)
        unsent(rig, 2);
    rig_durable(rig, TXN_RECORD_STEP);
    if (_i != 0)
        rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     _i == 0 ? "send 2 compensate" : "send 1 compensate");
    rig_free(rig);
}
END_TEST

START_TEST(an_unknown_pivot_is_revoked_before_the_turn)
{
    struct rig *rig = running("cp");
    rig_executed(rig, 1, NULL);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_after(rig, 100000);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN), "send 2 abort");
    ck_assert_int_eq(rig->txn.state, TXN_STOPPING);
    ck_assert_str_eq(rig_done(rig, 2, OP_ABORT, BRANCH_IS_ABORTED), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 compensate");
    rig_free(rig);
}
END_TEST

START_TEST(a_revocation_that_finds_the_pivot_done_goes_forward)
{
    struct rig *rig = running("cpr");
    rig_executed(rig, 1, NULL);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "send 2 abort");
    ck_assert_str_eq(rig_result(rig, 2, OP_ABORT, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_wake(rig), "send 2 abort");
    ck_assert_str_eq(rig_done(rig, 2, OP_ABORT, BRANCH_IS_COMMITTED),
                     "persist step 2 done; send 3 execute");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_NONE);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    ck_assert_str_eq(rig_after(rig, 20000000), ""); /* no timeout behind the pivot */
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done; persist decision commit committed!");
    concluded(rig, TXN_RECORD_DECISION, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(cancel_and_timeout_compensate_what_may_have_run)
{
    for (int way = 0; way < 2; way++) {
        struct rig *rig = running("ccp");
        rig_executed(rig, 1, NULL);
        ck_assert_str_eq(way == 0 ? rig_event(rig, TXN_EVENT_CANCELLED) : rig_after(rig, 10000000),
                         "persist decision abort!");
        ck_assert_int_eq(rig->txn.cause, way == 0 ? TXN_CAUSE_CANCELLED : TXN_CAUSE_TIMEOUT);
        ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate");
        ck_assert_str_eq(rig_executed(rig, 2, "{\"late\":1}"), "");
        ck_assert(span_is(rig->branches[1].output, "{\"late\":1}"));
        rig_free(rig);
    }
}
END_TEST

START_TEST(a_saga_cancelled_before_its_first_message_is_aborted)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cp");
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(spent_compensations_are_parked_and_hold_up_only_what_they_depend_on)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cccp");
    rig->branches[2].after = 0; /* 3 stands alone, 2 behind 1 */
    rig_begin(rig);
    rig_executed(rig, 3, NULL);
    rig_executed(rig, 1, NULL);
    rig_executed(rig, 2, NULL);
    rig_result(rig, 4, OP_EXECUTE, RESULT_REFUSED);
    for (int i = 0; i < 3; i++)
        rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate; send 3 compensate");
    ck_assert_str_eq(rig_result(rig, 2, OP_COMPENSATE, RESULT_UNKNOWN),
                     "persist step 2 undo_waiting");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_after(rig, 100000), "persist step 2 undo_trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 compensate");
    ck_assert_str_eq(rig_result(rig, 2, OP_COMPENSATE, RESULT_RETRY), "persist step 2 undo_parked");
    ck_assert_int_eq(rig->txn.state, TXN_COMPENSATING);
    ck_assert_str_eq(rig_done(rig, 3, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 3 compensated");
    ck_assert(txn_parked(&rig->txn)); /* 1 waits for 2 */
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 compensate");
    ck_assert_int_eq(rig->txn.state, TXN_COMPENSATING);
    ck_assert_uint_eq(rig->branches[1].tries, 1);
    ck_assert_str_eq(rig_done(rig, 2, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 2 compensated; send 1 compensate");
    ck_assert_str_eq(rig_done(rig, 1, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 1 compensated; persist outcome abort compensated!");
    concluded(rig, TXN_RECORD_OUTCOME, TXN_OUTCOME_COMPENSATED);
}
END_TEST

/* What is parked because its tries are spent is tried again by itself, as often, at a slow pace;
 * what was refused waits for an operator. */
START_TEST(spent_compensations_are_tried_again_slowly)
{
    bool refused = _i == 1;
    struct rig *rig = running("cp");
    rig->policy.parked_retry_us = 300000000;
    rig_executed(rig, 1, NULL);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED);
    rig_durable(rig, TXN_RECORD_DECISION);
    for (int round = 0; round < 2; round++) {
        if (refused) {
            rig_result(rig, 1, OP_COMPENSATE, RESULT_REFUSED);
            rig_durable(rig, TXN_RECORD_STEP);
            ck_assert(txn_parked(&rig->txn));
            ck_assert_uint_eq(txn_wake_at(&rig->txn).us, 0);
            break;
        }
        ck_assert_str_eq(rig_result(rig, 1, OP_COMPENSATE, RESULT_UNKNOWN),
                         "persist step 1 undo_waiting");
        rig_durable(rig, TXN_RECORD_STEP);
        rig_after(rig, 100000);
        ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 compensate");
        ck_assert_str_eq(rig_result(rig, 1, OP_COMPENSATE, RESULT_UNKNOWN),
                         "persist step 1 undo_parked");
        ck_assert(txn_parked(&rig->txn));
        rig_durable(rig, TXN_RECORD_STEP);
        ck_assert_str_eq(rig_after(rig, 299999999), "");
        ck_assert_str_eq(rig_after(rig, 1), "send 1 compensate");
        ck_assert_int_eq(rig->txn.state, TXN_COMPENSATING);
    }
    rig_free(rig);
}
END_TEST

START_TEST(a_skipped_step_is_passed_and_not_compensated)
{
    struct rig *rig = running("ccp");
    ck_assert_str_eq(rig_number(rig, TXN_EVENT_SKIPPED, 1),
                     "persist step 1 skipped; send 2 execute");
    rig_executed(rig, 2, NULL);
    rig_result(rig, 3, OP_EXECUTE, RESULT_REFUSED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 2 compensated; persist outcome abort compensated!");
    rig_free(rig);
}
END_TEST

START_TEST(a_skipped_pivot_is_durable_before_what_follows_it)
{
    struct rig *rig = running("cpr");
    rig_executed(rig, 1, NULL);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_number(rig, TXN_EVENT_SKIPPED, 2), "persist step 2 skipped!");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 3 execute");
    rig_free(rig);
}
END_TEST

START_TEST(a_refused_retriable_step_is_parked_until_an_operator_says_again)
{
    struct rig *rig = running("pr");
    rig_executed(rig, 1, NULL);
    rig_durable(rig, TXN_RECORD_STEP);
    for (int i = 0; i < 5; i++) { /* without end */
        rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN);
        rig_durable(rig, TXN_RECORD_STEP);
        ck_assert_str_eq(rig_wake(rig), "send 2 execute");
    }
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED), "send 2 abort");
    ck_assert_str_eq(rig_result(rig, 2, OP_ABORT, RESULT_REFUSED), "persist step 2 parked");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 execute");
    ck_assert_str_eq(rig_executed(rig, 2, NULL),
                     "persist step 2 done; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_compensation_asks_for_the_output_that_nobody_knows)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "c");
    rig->branches[0].compensate_needs = 1;
    rig_begin(rig);
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 status");
    ck_assert_str_eq(rig_done(rig, 1, OP_STATUS, BRANCH_IS_COMMITTED), "send 1 compensate");
    ck_assert(span_is(rig->branches[0].output, "{\"balance\":0.10}"));
    rig_free(rig);
}
END_TEST

/* --- a new leader ----------------------------------------------------------------------------- */

static struct txn_image image_of(uint32_t steps, const char *records)
{
    struct txn_image image = {.attempt = 1, .protocol = TXN_PROTOCOL_SAGA};
    image.origin.mode = TXN_MODE_SAGA;
    image.origin.timeout_us = 10000000;
    image.origin.began_at.us = UINT64_C(1700000000000000);
    const char *members = rig_members(steps, 0);
    image.members = (struct troth_span){members, strlen(members)};
    if (records != NULL)
        image.steps = (struct troth_span){records, strlen(records)};
    return image;
}

START_TEST(a_new_leader_goes_on_where_the_records_end)
{
    struct txn_image image = image_of(
        3, "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1,\"output\":{\"id\":0.10}},"
           "{\"branch\":2,\"attempt\":1,\"step\":\"waiting\",\"tries\":1,\"retry_at\":"
           "1700000000050000}]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "ccp", &trace);
    ck_assert_str_eq(trace, "");
    ck_assert(span_is(rig->branches[0].output, "{\"id\":0.10}"));
    ck_assert_str_eq(rig_after(rig, 50000), "persist step 2 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute");
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN),
                     "send 3 abort"); /* two tries in all; and who knows about the pivot */
    ck_assert_str_eq(rig_done(rig, 3, OP_ABORT, BRANCH_IS_ABORTED), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 2 compensate");
    rig_free(rig);
}
END_TEST

START_TEST(after_a_takeover_every_step_may_have_run)
{
    struct txn_image image = image_of(3, NULL);
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "ccc", &trace);
    ck_assert_str_eq(trace, "persist step 1 trying!");
    ck_assert_uint_eq(rig->branches[0].tries, 1); /* one that no record tells of */
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 3 compensate");
    ck_assert_str_eq(rig_done(rig, 3, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 3 compensated; send 2 compensate");
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_at_a_new_leader_finds_the_pivot_done)
{
    struct txn_image image = image_of(3, NULL);
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cpr", &trace);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "send 2 abort");
    rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN);
    ck_assert_str_eq(rig_done(rig, 2, OP_ABORT, BRANCH_IS_COMMITTED),
                     "persist step 2 done; send 1 execute");
    ck_assert_str_eq(rig_executed(rig, 1, NULL), "persist step 1 done; send 3 execute");
    rig_free(rig);
}
END_TEST

START_TEST(a_saga_whose_last_step_is_durable_is_committed)
{
    struct txn_image image =
        image_of(1, "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1}]");
    image.origin.timeout_us = 1; /* long over */
    image.origin.began_at.us -= 1000;
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "c", &trace);
    ck_assert_str_eq(trace, "persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_new_leader_goes_on_compensating)
{
    struct txn_image image =
        image_of(3, "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                    "{\"branch\":3,\"attempt\":1,\"step\":\"compensated\",\"tries\":1},"
                    "{\"branch\":2,\"attempt\":1,\"step\":\"undo_parked\",\"tries\":2}]");
    image.decision = TXN_ABORT;
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "ccc", &trace);
    ck_assert_str_eq(trace, "");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 compensate");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMPENSATE, BRANCH_IS_COMPENSATED),
                     "persist step 2 compensated; persist step 1 undo_trying!");
    rig_free(rig);
}
END_TEST

START_TEST(the_only_try_of_a_limit_of_one_is_counted_before_it_leaves)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig->branches[0].retry.max_attempts = rig->branches[0].compensate_retry.max_attempts = 1;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), "reply accepted; persist step 1 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 execute");
    rig_executed(rig, 1, NULL);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "persist step 1 undo_trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 compensate");
    ck_assert_str_eq(rig_result(rig, 1, OP_COMPENSATE, RESULT_UNKNOWN),
                     "persist step 1 undo_parked");
    rig_free(rig);
}
END_TEST

START_TEST(a_try_that_was_announced_is_not_sent_once_its_step_is_over)
{
    struct rig *rig = running("cc");
    rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_after(rig, 100000), "persist step 1 trying!");
    ck_assert_str_eq(rig_executed(rig, 1, NULL), /* the first was slow */
                     "persist step 1 done; send 2 execute");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "");
    rig_free(rig);
}
END_TEST

START_TEST(a_last_try_that_was_interrupted_may_have_run)
{
    struct txn_image image =
        image_of(3, "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                    "{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":2}]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "ccc", &trace);
    ck_assert_str_eq(trace, "persist decision abort!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_RESTARTED);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
    image.steps = SPAN("[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                       "{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":1}]");
    rig = rig_recover_saga(&image, "ccc", &trace);
    ck_assert_str_eq(rig_wake(rig), "persist step 2 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute");
    ck_assert_uint_eq(rig->branches[1].tries, 2);
    rig_free(rig);
}
END_TEST

START_TEST(a_last_compensation_that_was_interrupted_is_parked)
{
    struct txn_image image =
        image_of(2, "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                    "{\"branch\":2,\"attempt\":1,\"step\":\"undo_trying\",\"tries\":2}]");
    image.decision = TXN_ABORT;
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cc", &trace);
    ck_assert_str_eq(trace, "persist step 2 undo_parked");
    ck_assert(txn_parked(&rig->txn));
    rig_free(rig);
}
END_TEST

START_TEST(a_damaged_step_record_is_not_guessed_at)
{
    static const char *const damaged[] = {"[{\"branch\":9,\"attempt\":1,\"step\":\"done\"}]",
                                          "[{\"branch\":1,\"attempt\":1}]",
                                          "[{\"branch\":1,\"attempt\":1,\"step\":\"odd\"}]",
                                          "[7]",
                                          "{",
                                          "{}"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct txn_image image = image_of(1, damaged[i]);
        struct rig *rig = rig_new(1);
        ck_assert_int_eq(txn_recover(&rig->txn, &image, &rig->policy, 2, 43, rig->branches, 1,
                                     &rig->memory, rig->now),
                         TROTH_ERROR_SYNTAX);
        rig_free(rig);
    }
}
END_TEST

TCase *saga_tests(void)
{
    TCase *tests = tcase_create("saga");
    tcase_add_test(tests, a_saga_commits_with_its_last_step);
    tcase_add_test(tests, independent_steps_run_beside_each_other_and_the_pivot_waits_for_all);
    tcase_add_test(tests, a_refusal_at_step_two_compensates_step_one_and_not_itself);
    tcase_add_test(tests, two_attempts_are_two_tries_and_then_it_may_have_run);
    tcase_add_test(tests, a_refusal_behind_an_unknown_try_does_not_clear_it);
    tcase_add_loop_test(tests, what_never_left_is_not_compensated, 0, 4);
    tcase_add_loop_test(tests, a_cancel_between_two_tries_that_never_left, 0, 3);
    tcase_add_loop_test(tests, spent_compensations_are_tried_again_slowly, 0, 2);
    tcase_add_test(tests, an_unknown_pivot_is_revoked_before_the_turn);
    tcase_add_test(tests, a_revocation_that_finds_the_pivot_done_goes_forward);
    tcase_add_test(tests, cancel_and_timeout_compensate_what_may_have_run);
    tcase_add_test(tests, a_saga_cancelled_before_its_first_message_is_aborted);
    tcase_add_test(tests, spent_compensations_are_parked_and_hold_up_only_what_they_depend_on);
    tcase_add_test(tests, a_skipped_step_is_passed_and_not_compensated);
    tcase_add_test(tests, a_skipped_pivot_is_durable_before_what_follows_it);
    tcase_add_test(tests, a_refused_retriable_step_is_parked_until_an_operator_says_again);
    tcase_add_test(tests, a_compensation_asks_for_the_output_that_nobody_knows);
    tcase_add_test(tests, a_new_leader_goes_on_where_the_records_end);
    tcase_add_test(tests, after_a_takeover_every_step_may_have_run);
    tcase_add_test(tests, a_cancel_at_a_new_leader_finds_the_pivot_done);
    tcase_add_test(tests, a_saga_whose_last_step_is_durable_is_committed);
    tcase_add_test(tests, a_new_leader_goes_on_compensating);
    tcase_add_test(tests, the_only_try_of_a_limit_of_one_is_counted_before_it_leaves);
    tcase_add_test(tests, a_try_that_was_announced_is_not_sent_once_its_step_is_over);
    tcase_add_test(tests, a_last_try_that_was_interrupted_may_have_run);
    tcase_add_test(tests, a_last_compensation_that_was_interrupted_is_parked);
    tcase_add_test(tests, a_damaged_step_record_is_not_guessed_at);
    return tests;
}
