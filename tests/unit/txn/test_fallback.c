#include "rig.h"
#include "tests.h"

static struct rig *fallen_back(void)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cpr");
    rig->branches[1].after = 1;
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_SUBMITTED), "persist begin; reserve 3");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare; send 2 prepare");
    rig_vote(rig, 1, VOTE_YES);
    rig_result(rig, 2, OP_PREPARE, RESULT_UNKNOWN);
    ck_assert_str_eq(rig_after(rig, 2000000), "release 1; release 2; persist attempt abort!");
    return rig;
}

START_TEST(a_prepare_that_does_not_come_in_time_becomes_a_saga)
{
    struct rig *rig = fallen_back();
    ck_assert_int_eq(rig->txn.state, TXN_FALLING_BACK);
    ck_assert_int_eq(rig_record(rig, TXN_RECORD_ATTEMPT)->protocol, TXN_PROTOCOL_SAGA);
    ck_assert(span_is(rig_record(rig, TXN_RECORD_ATTEMPT)->fallback,
                      "{\"attempt\":1,\"cause\":\"timeout\",\"branch\":2,\"step\":\"debit\","
                      "\"participant\":\"bank_2\",\"reason\":\"said so\"}"));
    ck_assert_ptr_null(rig->branches[0].output.data);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort #1; send 2 abort #1; send 1 execute");
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_ABORTED);
    ck_assert_str_eq(rig_executed(rig, 1, NULL), "persist step 1 done #2; send 2 execute");
    ck_assert_str_eq(rig_earlier(rig, 1, RESULT_DONE), "");
    ck_assert_str_eq(rig_executed(rig, 2, NULL), "persist step 2 done #2; send 3 execute");
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done #2; persist decision commit committed #2!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_event(rig, TXN_EVENT_PUBLISHED);
    ck_assert_int_eq(rig->txn.state, TXN_CONCLUDING); /* 2 has not acknowledged the abort */
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_wake(rig), "send 2 abort #1");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "persist end commit committed #2; ended");
    rig_free(rig);
}
END_TEST

START_TEST(an_input_whose_output_was_lost_is_a_reason_and_one_that_was_never_there_is_none)
{
    static const char *const outputs[] = {NULL, "{}"};
    static const char *const follows[] = {"persist attempt abort!",
                                          "persist decision abort aborted!"};
    for (int way = 0; way < 2; way++) {
        struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cp");
        rig->branches[1].needs = 1;
        rig_event(rig, TXN_EVENT_SUBMITTED);
        ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare");
        struct result yes = {
            .op = OP_PREPARE, .branch = 1, .attempt = 1, .result = RESULT_VOTE, .vote = VOTE_YES};
        if (outputs[way] != NULL)
            yes.output = (struct troth_span){outputs[way], strlen(outputs[way])};
        ck_assert_str_eq(rig_full_result(rig, &yes, false), "send 2 prepare");
        const char *trace = rig_number(rig, TXN_EVENT_UNSENDABLE, 2);
        ck_assert_msg(strstr(trace, follows[way]) != NULL, "%s", trace);
        ck_assert_int_eq(way == 0 ? rig->txn.fallback_cause : rig->txn.cause, TXN_CAUSE_INPUT);
        rig_free(rig);
    }
}
END_TEST

START_TEST(a_late_yes_changes_nothing)
{
    struct rig *rig = fallen_back();
    struct result yes = {
        .op = OP_PREPARE, .branch = 2, .attempt = 1, .result = RESULT_VOTE, .vote = VOTE_YES};
    ck_assert_str_eq(rig_full_result(rig, &yes, false), "");
    ck_assert_int_eq(rig->txn.state, TXN_FALLING_BACK);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    ck_assert_str_eq(rig_full_result(rig, &yes, false), "");
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    rig_free(rig);
}
END_TEST

START_TEST(a_row_that_committed_first_stands)
{
    struct rig *rig = fallen_back();
    ck_assert_str_eq(rig_verdict(rig, TXN_RECORD_ATTEMPT, TXN_ALREADY, TXN_COMMIT), "");
    ck_assert_int_eq(rig->txn.state, TXN_LOST);
    rig_free(rig);
}
END_TEST

START_TEST(a_business_no_aborts_and_never_falls_back)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cpr");
    rig_begin(rig);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_result(rig, 2, OP_PREPARE, RESULT_REFUSED),
                     "send 1 abort; release 1; release 2; persist decision abort aborted!");
    ck_assert_int_eq(rig->branches[2].state, TXN_BRANCH_BEHIND);
    rig_durable(rig, TXN_RECORD_DECISION);
    rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED);
    rig_event(rig, TXN_EVENT_PUBLISHED);
    ck_assert_int_eq(rig->txn.state, TXN_ENDED);
    rig_free(rig);
}
END_TEST

START_TEST(the_end_of_the_whole_time_aborts)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cp");
    rig_begin(rig);
    ck_assert_str_eq(
        rig_after(rig, 10000000),
        "send 1 abort; release 1; send 2 abort; release 2; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(steps_behind_the_pivot_run_when_all_have_acknowledged_the_commit)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cprr");
    rig->branches[3].after = 2;
    rig_begin(rig);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit!");
    ck_assert(!rig_record(rig, TXN_RECORD_DECISION)->publishes);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 commit; send 2 commit");
    ck_assert_str_eq(rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED), "release 1");
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "release 2; send 3 execute; send 4 execute");
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    ck_assert_str_eq(rig_executed(rig, 4, NULL), "persist step 4 done");
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done; persist outcome commit committed!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME),
                     "reply decided; reply completed; publish outcome");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_meets_the_write_in_flight_and_waits_for_it)
{
    struct rig *rig = fallen_back();
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort #1; send 2 abort #1; persist decision abort #2!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "persist outcome abort compensated #2!"); /* nothing of it had been sent */
    rig_free(rig);
}
END_TEST

START_TEST(slots_granted_too_late_are_given_back)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cp");
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_after(rig, 2000000), "unreserve; persist attempt abort!");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "release 1; release 2");
    rig_free(rig);
}
END_TEST

/* --- an abort of the attempt before that is refused --------------------------------------------
 */

static struct rig *with_parked_abort(void)
{
    struct rig *rig = fallen_back();
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    ck_assert_str_eq(rig_earlier(rig, 1, RESULT_DONE), "");
    struct result no = {.op = OP_ABORT,
                        .branch = 2,
                        .attempt = 1,
                        .result = RESULT_REFUSED,
                        .reason = SPAN("what abort?")};
    ck_assert_str_eq(rig_full_result(rig, &no, false), "");
    return rig;
}

/* Runs the saga to its durable outcome. */
static void run_to_outcome(struct rig *rig)
{
    rig_executed(rig, 1, NULL);
    rig_executed(rig, 2, NULL);
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done #2; persist decision commit committed #2!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply decided; reply completed; publish decision");
    rig_event(rig, TXN_EVENT_PUBLISHED);
}

static bool steps_say(const struct rig *rig, const char *what)
{
    BUFFER_SCOPED struct buffer text = {0};
    txn_steps_append(&rig->txn, true, &text);
    return strstr(buffer_text(&text), what) != NULL;
}

START_TEST(a_refused_abort_of_the_attempt_before_is_parked_and_holds_up_only_the_end)
{
    struct rig *rig = with_parked_abort();
    ck_assert_uint_eq(rig->txn.owed_parked, 2);
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    ck_assert(steps_say(rig, ",\"earlier_abort\":{\"attempt\":1,\"state\":\"parked\","
                             "\"tries\":1,\"reason\":\"what abort?\"}}"));
    run_to_outcome(rig);
    ck_assert(txn_parked(&rig->txn));
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_COMMITTED);
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, 0); /* nobody but an operator wakes it */
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_UNKNOWN), ""); /* late: it stays parked */
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 abort #1");
    ck_assert_int_eq(rig->txn.state, TXN_CONCLUDING);
    ck_assert(steps_say(rig, "\"earlier_abort\":{\"attempt\":1,\"state\":\"aborting\""));
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_REFUSED), "");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 abort #1");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "persist end commit committed #2; ended");
    ck_assert(!steps_say(rig, "earlier_abort"));
    rig_free(rig);
}
END_TEST

START_TEST(a_parked_abort_is_tried_again_beside_the_saga)
{
    struct rig *rig = with_parked_abort();
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 abort #1");
    ck_assert_uint_eq(rig->txn.owed_parked, 0);
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "");
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "");
    run_to_outcome(rig);
    ck_assert_int_eq(rig->txn.state, TXN_ENDED);
    rig_free(rig);
}
END_TEST

START_TEST(a_late_answer_settles_a_parked_abort)
{
    struct rig *rig = with_parked_abort();
    run_to_outcome(rig);
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_DONE), "persist end commit committed #2; ended");
    rig_free(rig);
}
END_TEST

START_TEST(one_that_still_tries_keeps_it_concluding_beside_one_that_is_parked)
{
    struct rig *rig = fallen_back();
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    rig_earlier(rig, 2, RESULT_REFUSED);
    rig_earlier(rig, 1, RESULT_UNKNOWN);
    run_to_outcome(rig);
    ck_assert_int_eq(rig->txn.state, TXN_CONCLUDING);
    ck_assert_str_eq(rig_wake(rig), "send 1 abort #1");
    rig_earlier(rig, 1, RESULT_DONE);
    ck_assert(txn_parked(&rig->txn));
    rig_free(rig);
}
END_TEST

/* Somebody commits by hand what is parked, and the operator's retry hears of it. */
START_TEST(a_heuristic_behind_the_outcome_makes_it_mixed_and_is_told)
{
    struct rig *rig = with_parked_abort();
    run_to_outcome(rig);
    rig_event(rig, TXN_EVENT_RESUMED);
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_HEURISTIC), "persist outcome commit mixed #2!");
    ck_assert_int_eq(rig->txn.state, TXN_CONCLUDING);
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_HEURISTIC);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME), "publish outcome");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_PUBLISHED), "persist end commit mixed #2; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_heuristic_that_meets_the_outcome_in_flight_makes_it_mixed_behind_it)
{
    struct rig *rig = fallen_back();
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    rig_earlier(rig, 1, RESULT_DONE);
    rig_executed(rig, 1, NULL);
    rig_executed(rig, 2, NULL);
    rig_executed(rig, 3, NULL);
    ck_assert_str_eq(rig_earlier(rig, 2, RESULT_HEURISTIC), "");
    ck_assert_str_eq(
        rig_durable(rig, TXN_RECORD_DECISION),
        "reply decided; reply completed; publish decision; persist outcome commit mixed #2!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME), "publish outcome");
    rig_free(rig);
}
END_TEST

START_TEST(a_heuristic_before_the_outcome_says_who)
{
    struct rig *rig = fallen_back();
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    rig_earlier(rig, 1, RESULT_DONE);
    rig_earlier(rig, 2, RESULT_HEURISTIC);
    rig_executed(rig, 1, NULL);
    rig_executed(rig, 2, NULL);
    ck_assert_str_eq(rig_executed(rig, 3, NULL),
                     "persist step 3 done #2; persist decision commit mixed #2!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_HEURISTIC);
    ck_assert_uint_eq(rig->txn.cause_branch, 2);
    rig_free(rig);
}
END_TEST

/* What was sent, answered, parked and tried again: each with the attempt it was of. */
START_TEST(the_timeline_tells_the_aborts_of_the_attempt_before)
{
    struct rig *rig = with_parked_abort();
    rig_event(rig, TXN_EVENT_RESUMED);
    BUFFER_SCOPED struct buffer text = {0};
    txn_history_append(&rig->txn, &text);
    static const char *const told[] = {
        "1,\"attempt\":1,\"moment\":\"sent\",\"op\":\"abort\"",
        "2,\"attempt\":1,\"moment\":\"sent\",\"op\":\"abort\"",
        "1,\"attempt\":2,\"moment\":\"sent\",\"op\":\"execute\"",
        "1,\"attempt\":1,\"moment\":\"answered\",\"op\":\"abort\",\"result\":\"done\"",
        "2,\"attempt\":1,\"moment\":\"answered\",\"op\":\"abort\",\"result\":\"refused\"",
        "2,\"attempt\":1,\"moment\":\"parked\"",
        "2,\"attempt\":1,\"moment\":\"resumed\"",
        "2,\"attempt\":1,\"moment\":\"sent\",\"op\":\"abort\"",
    };
    const char *at = buffer_text(&text);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        at = strstr(at, told[i]);
        ck_assert_msg(at != NULL, "%s is not in %s", told[i], buffer_text(&text));
        at++;
    }
    rig_free(rig);
}
END_TEST

/* --- a new leader ----------------------------------------------------------------------------- */

static struct txn_image image_of(uint32_t voted)
{
    struct txn_image image = {.attempt = 1, .protocol = TXN_PROTOCOL_2PC};
    image.origin.mode = TXN_MODE_2PC_THEN_SAGA;
    image.origin.timeout_us = 10000000;
    image.origin.began_at.us = UINT64_C(1700000000000000);
    const char *members = rig_members(3, voted);
    image.members = (struct troth_span){members, strlen(members)};
    return image;
}

START_TEST(a_new_leader_falls_back_from_what_was_undecided)
{
    struct txn_image image = image_of(0);
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cpr", &trace);
    ck_assert_str_eq(trace, "persist attempt abort!");
    ck_assert_int_eq(rig->txn.fallback_cause, TXN_CAUSE_RESTARTED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort #1; send 2 abort #1; send 1 execute");
    rig_free(rig);
}
END_TEST

START_TEST(a_new_leader_treats_committed_with_open_steps_as_open)
{
    struct txn_image image = image_of(2);
    image.decision = TXN_COMMIT;
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cpr", &trace);
    ck_assert_str_eq(trace, "send 1 commit; send 2 commit");
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED), "send 3 execute");
    rig_free(rig);
}
END_TEST

/* The outcome is final, nobody is asked any more: the steps behind the pivot are what their records
 * say, with their outputs. */
START_TEST(a_new_leader_knows_what_steps_behind_the_pivot_came_to)
{
    struct txn_image image = image_of(2);
    const char *members = rig_members(4, 2);
    image.members = (struct troth_span){members, strlen(members)};
    image.decision = TXN_COMMIT;
    image.outcome = TXN_OUTCOME_COMMITTED;
    image.steps = SPAN("[{\"branch\":3,\"attempt\":1,\"step\":\"skipped\",\"tries\":0},"
                       "{\"branch\":4,\"attempt\":1,\"step\":\"done\",\"tries\":2,"
                       "\"output\":{\"n\":7}}]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cprr", &trace);
    ck_assert_int_eq(rig->branches[2].state, TXN_BRANCH_SKIPPED);
    ck_assert_int_eq(rig->branches[3].state, TXN_BRANCH_DONE);
    ck_assert(span_is(rig->branches[3].output, "{\"n\":7}"));
    rig_free(rig);
}
END_TEST

START_TEST(a_new_leader_in_the_second_attempt_sends_the_aborts_again)
{
    struct txn_image image = image_of(0);
    image.attempt = 2;
    image.protocol = TXN_PROTOCOL_SAGA;
    image.steps = SPAN("[{\"branch\":1,\"attempt\":2,\"step\":\"done\",\"tries\":1}]");
    image.fallback = SPAN("{\"attempt\":1,\"cause\":\"unreachable\",\"branch\":2,\"reason\":"
                          "\"no route\"}");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cpr", &trace);
    ck_assert_str_eq(trace, "send 1 abort #1; send 2 abort #1; persist step 2 trying #2!");
    BUFFER_SCOPED struct buffer text = {0};
    txn_fallback_append(&rig->txn, &text);
    ck_assert_str_eq(buffer_text(&text),
                     "{\"attempt\":1,\"cause\":\"unreachable\",\"branch\":2,\"step\":\"step\","
                     "\"participant\":\"bank\",\"reason\":\"no route\"}");
    rig_free(rig);
}
END_TEST

TCase *fallback_tests(void)
{
    TCase *tests = tcase_create("fallback");
    tcase_add_test(tests, a_prepare_that_does_not_come_in_time_becomes_a_saga);
    tcase_add_test(tests,
                   an_input_whose_output_was_lost_is_a_reason_and_one_that_was_never_there_is_none);
    tcase_add_test(tests, a_late_yes_changes_nothing);
    tcase_add_test(tests, a_row_that_committed_first_stands);
    tcase_add_test(tests, a_business_no_aborts_and_never_falls_back);
    tcase_add_test(tests, the_end_of_the_whole_time_aborts);
    tcase_add_test(tests, steps_behind_the_pivot_run_when_all_have_acknowledged_the_commit);
    tcase_add_test(tests, a_cancel_meets_the_write_in_flight_and_waits_for_it);
    tcase_add_test(tests, slots_granted_too_late_are_given_back);
    tcase_add_test(tests,
                   a_refused_abort_of_the_attempt_before_is_parked_and_holds_up_only_the_end);
    tcase_add_test(tests, a_parked_abort_is_tried_again_beside_the_saga);
    tcase_add_test(tests, a_late_answer_settles_a_parked_abort);
    tcase_add_test(tests, one_that_still_tries_keeps_it_concluding_beside_one_that_is_parked);
    tcase_add_test(tests, a_heuristic_behind_the_outcome_makes_it_mixed_and_is_told);
    tcase_add_test(tests, a_heuristic_that_meets_the_outcome_in_flight_makes_it_mixed_behind_it);
    tcase_add_test(tests, a_heuristic_before_the_outcome_says_who);
    tcase_add_test(tests, the_timeline_tells_the_aborts_of_the_attempt_before);
    tcase_add_test(tests, a_new_leader_falls_back_from_what_was_undecided);
    tcase_add_test(tests, a_new_leader_treats_committed_with_open_steps_as_open);
    tcase_add_test(tests, a_new_leader_knows_what_steps_behind_the_pivot_came_to);
    tcase_add_test(tests, a_new_leader_in_the_second_attempt_sends_the_aborts_again);
    return tests;
}
