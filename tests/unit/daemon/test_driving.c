/* Transactions of a definition, from the client's request to its answer, with the journal and the
 * participants in the test's hand: nothing is said before it is durable, and all of it is said. */
#include <string.h>

#include <driver.h>
#include <state.h>

#include "rig.h"
#include "suites.h"

#define TRANSFER                                                                                   \
    "{'name':'transfer','version':1,'mode':'2pc','steps':["                                        \
    "{'name':'debit','participant':'bank_a','operation':'debit','input':{'n':'${input.n}'}},"      \
    "{'name':'credit','participant':'bank_b','operation':'credit','input':{'n':'${input.n}'}}]}"
#define ORDER                                                                                      \
    "{'name':'order','version':1,'mode':'saga','steps':["                                          \
    "{'name':'take','participant':'bank_a','operation':'take',"                                    \
    "'compensate':{'operation':'put','input':{'id':'${steps.take.output.id}'}}},"                  \
    "{'name':'pay','participant':'bank_b','operation':'pay',"                                      \
    "'when':{'value':'${input.n}','not_equals':0},"                                                \
    "'input':'${steps.take.output}','compensate':{'operation':'refund'}}]}"
#define CHECKOUT                                                                                   \
    "{'name':'checkout','version':1,'mode':'2pc_then_saga','prepare_timeout':'2s','steps':["       \
    "{'name':'take','participant':'bank_a','operation':'take','compensate':{'operation':'put'}},"  \
    "{'name':'pay','participant':'bank_b','operation':'pay','compensate':{'operation':'undo'}}]}"

#define SINGLE                                                                                     \
    "{'name':'single','version':1,'mode':'2pc','steps':["                                          \
    "{'name':'one','participant':'bank_a','operation':'work'}]}"
#define UPGRADE                                                                                    \
    "{'name':'upgrade','version':1,'mode':'saga','steps':["                                        \
    "{'name':'take','participant':'bank_a','operation':'take','compensate':{'operation':'put'}},"  \
    "{'name':'charge','participant':'bank_b','operation':'charge','kind':'pivot'},"                \
    "{'name':'tell','participant':'bank_a','operation':'tell','kind':'retriable','after':["        \
    "'charge']}]}"

static struct rig_told told;

static void set_up(void)
{
    rig_up();
    rig_lead();
    rig_participant("bank_a", "batch");
    rig_participant("bank_b", "batch");
    rig_define(TRANSFER);
    rig_define(ORDER);
    rig_define(CHECKOUT);
    rig_define(SINGLE);
    rig_define(UPGRADE);
    memset(&told, 0, sizeof told);
}

static void begin(const char *definition, const char *input)
{
    rig_submit(definition, input, NULL, API_REPLY_COMPLETED, &told);
    rig_turn();
}

static void failed_with(const char *text)
{
    ck_assert_msg(strstr(told.failure, text) != NULL, "%s", told.failure);
}

/* --- two-phase commit --------------------------------------------------------------------------
 */

START_TEST(commits_leave_and_the_client_hears_when_the_decision_is_durable)
{
    begin("transfer", "{\"n\":7}");
    ck_assert_str_eq(rig_sent(OP_PREPARE, 1)->input, "{\"n\":7}");
    ck_assert_str_eq(rig_sent(OP_PREPARE, 1)->participant, "bank_a");
    rig_yes(1, NULL);
    ck_assert_ptr_null(rig_written(TXN_RECORD_DECISION));
    rig_yes(2, NULL);
    ck_assert_int_eq(rig_written(TXN_RECORD_DECISION)->decision, TXN_COMMIT);
    ck_assert(rig_written(TXN_RECORD_DECISION)->forced);
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1));
    rig_durable();
    ck_assert_uint_eq(told.times, 0);
    rig_done(OP_COMMIT, 2, NULL);
    rig_done(OP_COMMIT, 1, NULL);
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    rig_durable();
    ck_assert_ptr_nonnull(rig_written(TXN_RECORD_END));
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

START_TEST(who_wants_the_decision_need_not_wait_for_the_acknowledgements)
{
    rig_submit("transfer", "{\"n\":7}", NULL, API_REPLY_DECIDED, &told);
    rig_turn();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    ck_assert_uint_eq(told.times, 0);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(who_does_not_wait_is_told_when_it_is_accepted_durably)
{
    rig_submit("transfer", "{\"n\":7}", NULL, API_REPLY_ACCEPTED, &told);
    rig_turn();
    ck_assert(rig_written(TXN_RECORD_BEGIN)->forced);
    ck_assert_uint_eq(told.times, 0);
    rig_verdict(TXN_WRITTEN, TXN_UNDECIDED);
    rig_told_outcome(&told, TXN_OUTCOME_NONE);
    ck_assert(told.fresh);
}
END_TEST

START_TEST(a_no_aborts_all_and_is_told_with_its_words_when_it_is_durable)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_refused(OP_PREPARE, 2, "no such account");
    ck_assert_ptr_nonnull(rig_sent(OP_ABORT, 1));
    ck_assert_uint_eq(told.times, 0);
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    failed_with("\"no such account\"");
    failed_with("\"step\":\"credit\"");
}
END_TEST

START_TEST(what_is_not_in_the_input_aborts_and_says_which_path)
{
    begin("transfer", "{\"m\":7}");
    rig_turn();
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    failed_with("${input.n} is not there");
    failed_with("\"cause\":\"input\"");
}
END_TEST

START_TEST(a_prepare_that_does_not_come_is_given_up_at_its_timeout)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_advance(11000000);
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    failed_with("\"cause\":\"timeout\"");
}
END_TEST

START_TEST(behind_a_commit_in_flight_nothing_aborts)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_advance(UINT64_C(3600000000));
    ck_assert_ptr_null(rig_sent(OP_ABORT, 1));
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 1));
}
END_TEST

START_TEST(a_decision_that_stood_there_first_holds)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    while (rig_waiting() > 1)
        rig_verdict(TXN_WRITTEN, TXN_UNDECIDED);
    rig_verdict(TXN_ALREADY, TXN_ABORT);
    rig_turn();
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1));
    ck_assert_ptr_nonnull(rig_sent(OP_ABORT, 1));
}
END_TEST

START_TEST(a_commit_that_nobody_answers_is_sent_again_without_end)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    for (int i = 0; i < 20; i++) {
        rig_answer(OP_COMMIT, 1, (struct result){.result = RESULT_UNKNOWN});
        rig_advance(60000000);
        ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 1));
    }
    ck_assert_uint_eq(driver_open(rig.driver), 1);
}
END_TEST

START_TEST(a_full_queue_to_a_participant_is_no_answer_of_its)
{
    rig.send_error = TROTH_ERROR_FULL;
    begin("transfer", "{\"n\":7}");
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    rig.send_error = 0;
    rig_advance(1000000);
    ck_assert_ptr_nonnull(rig_sent(OP_PREPARE, 1));
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

START_TEST(an_answer_for_what_is_not_here_changes_nothing)
{
    struct result late = {.op = OP_PREPARE, .branch = 1, .attempt = 1, .result = RESULT_REFUSED};
    driver_on_result(rig.driver, &late, true);
    begin("transfer", "{\"n\":7}");
    late.gtid = rig_sent(OP_PREPARE, 1)->gtid;
    late.branch = 9;
    driver_on_result(rig.driver, &late, true);
    rig_turn();
    ck_assert_ptr_null(rig_sent(OP_ABORT, 1));
}
END_TEST

START_TEST(a_single_branch_decides_by_itself_behind_a_row_that_says_so)
{
    begin("single", "{}");
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 1));
    ck_assert(rig_written(TXN_RECORD_DELEGATE)->forced);
    rig_durable();
    rig_done(OP_EXECUTE, 1, "{\"n\":1}");
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1));
    ck_assert_msg(strstr(told.steps, "\"output\":{\"n\":1}") != NULL, "%s", told.steps);
}
END_TEST

START_TEST(a_single_branch_whose_answer_is_lost_is_asked_again_and_never_taken_for_a_no)
{
    begin("single", "{}");
    rig_durable();
    rig_answer(OP_EXECUTE, 1, (struct result){.result = RESULT_UNKNOWN});
    ck_assert_uint_eq(told.times, 0);
    rig_advance(5000000);
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_EXECUTE, 1));
    ck_assert_ptr_null(rig_written(TXN_RECORD_DECISION));
}
END_TEST

START_TEST(who_only_read_hears_no_commit)
{
    begin("transfer", "{\"n\":7}");
    rig_answer(OP_PREPARE, 1, (struct result){.result = RESULT_VOTE, .vote = VOTE_READ_ONLY});
    rig_yes(2, NULL);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1));
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(a_branch_that_ended_otherwise_makes_the_outcome_mixed_when_that_is_durable)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 2, NULL);
    rig_answer(OP_COMMIT, 1, (struct result){.result = RESULT_HEURISTIC});
    ck_assert_int_eq(rig_written(TXN_RECORD_OUTCOME)->outcome, TXN_OUTCOME_MIXED);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_MIXED);
}
END_TEST

START_TEST(who_has_waited_long_enough_is_told_how_far_it_is)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 2, NULL);
    rig_advance(UINT64_C(120000000)); /* bank_a does not answer its commit */
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert_str_eq(told.state, "committing");
    ck_assert_uint_eq(driver_open(rig.driver), 1);
}
END_TEST

START_TEST(a_participant_that_is_registered_again_keeps_what_is_under_way)
{
    begin("transfer", "{\"n\":7}");
    rig_yes(1, NULL);
    rig_participant("bank_b", "batch");
    rig_yes(2, NULL);
    rig_durable();
    ck_assert_str_eq(rig_sent(OP_COMMIT, 2)->participant, "bank_b");
}
END_TEST

/* --- sagas -------------------------------------------------------------------------------------
 */

START_TEST(a_step_gets_the_output_of_the_one_before_it)
{
    begin("order", "{\"n\":1}");
    rig_durable();
    rig_done(OP_EXECUTE, 1, "{\"id\":\"r-1\"}");
    rig_durable();
    ck_assert_str_eq(rig_sent(OP_EXECUTE, 2)->input, "{\"id\":\"r-1\"}");
    rig_done(OP_EXECUTE, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(a_refusal_undoes_what_was_done_with_what_it_answered)
{
    begin("order", "{\"n\":1}");
    rig_durable();
    rig_done(OP_EXECUTE, 1, "{\"id\":\"r-1\"}");
    rig_durable();
    rig_refused(OP_EXECUTE, 2, "no money");
    ck_assert_ptr_null(rig_sent(OP_COMPENSATE, 1)); /* the turn is durable first */
    rig_durable();
    ck_assert_str_eq(rig_sent(OP_COMPENSATE, 1)->input, "{\"id\":\"r-1\"}");
    ck_assert_str_eq(rig_sent(OP_COMPENSATE, 1)->operation, "put");
    ck_assert_ptr_null(rig_sent(OP_COMPENSATE, 2));
    rig_done(OP_COMPENSATE, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMPENSATED);
    failed_with("\"no money\"");
}
END_TEST

START_TEST(a_step_whose_condition_is_false_is_never_sent)
{
    begin("order", "{\"n\":0}");
    rig_durable();
    rig_done(OP_EXECUTE, 1, "{\"id\":\"r-1\"}");
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 2));
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert_msg(strstr(told.steps, "skipped") != NULL, "%s", told.steps);
}
END_TEST

START_TEST(an_unknown_answer_is_asked_again_and_counted)
{
    begin("order", "{\"n\":1}");
    rig_durable();
    rig_answer(OP_EXECUTE, 1, (struct result){.result = RESULT_UNKNOWN});
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 1));
    rig_advance(10000000);
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_EXECUTE, 1));
    rig_done(OP_EXECUTE, 1, "{\"id\":1}");
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_EXECUTE, 2));
}
END_TEST

START_TEST(behind_its_pivot_a_saga_only_goes_forward)
{
    struct rig_told cancel = {0};
    begin("upgrade", "{}");
    rig_durable();
    troth_gtid gtid = rig_sent(OP_EXECUTE, 1)->gtid;
    rig_done(OP_EXECUTE, 1, NULL);
    rig_durable();
    rig_done(OP_EXECUTE, 2, NULL);
    rig_durable();
    rig_answer(OP_EXECUTE, 3, (struct result){.result = RESULT_UNKNOWN});
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &cancel);
    ck_assert_int_eq(cancel.status, 409);
    for (int i = 0; i < 10; i++) {
        rig_advance(60000000);
        rig_durable();
        rig_answer(OP_EXECUTE, 3, (struct result){.result = RESULT_UNKNOWN});
    }
    rig_advance(60000000);
    rig_durable();
    rig_done(OP_EXECUTE, 3, NULL);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_COMPENSATE, 1));
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

START_TEST(a_pivot_that_says_no_turns_the_saga_back)
{
    begin("upgrade", "{}");
    rig_durable();
    rig_done(OP_EXECUTE, 1, NULL);
    rig_durable();
    rig_refused(OP_EXECUTE, 2, "card declined");
    rig_durable();
    rig_done(OP_COMPENSATE, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMPENSATED);
    failed_with("card declined");
}
END_TEST

START_TEST(a_pivot_that_may_have_run_is_fenced_before_the_turn_is_written)
{
    struct rig_told cancel = {0};
    begin("upgrade", "{}");
    rig_durable();
    troth_gtid gtid = rig_sent(OP_EXECUTE, 1)->gtid;
    rig_done(OP_EXECUTE, 1, NULL);
    rig_durable();
    rig_answer(OP_EXECUTE, 2, (struct result){.result = RESULT_UNKNOWN});
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &cancel);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_COMPENSATE, 1));
    ck_assert_ptr_nonnull(rig_sent(OP_ABORT, 2));
    rig_answer(OP_ABORT, 2, (struct result){.result = RESULT_DONE, .state = BRANCH_IS_ABORTED});
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_COMPENSATE, 1));
}
END_TEST

/* --- fallback ----------------------------------------------------------------------------------
 */

START_TEST(a_prepare_that_does_not_come_makes_a_saga_of_it_behind_one_write)
{
    begin("checkout", "{}");
    rig_yes(1, NULL);
    rig_advance(3000000);
    const struct rig_write *attempt = rig_written(TXN_RECORD_ATTEMPT);
    ck_assert_ptr_nonnull(attempt);
    ck_assert_uint_eq(attempt->attempt, 1);
    ck_assert_msg(strstr(attempt->fallback, "timeout") != NULL, "%s", attempt->fallback);
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 1));
    rig_durable();
    ck_assert_uint_eq(rig_sent(OP_EXECUTE, 1)->attempt, 2);
    ck_assert_uint_eq(rig_sent(OP_ABORT, 1)->attempt, 1);
    rig_done(OP_EXECUTE, 1, NULL);
    rig_durable();
    rig_done(OP_EXECUTE, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert_uint_eq(told.attempt, 2);
}
END_TEST

START_TEST(a_business_no_never_falls_back)
{
    begin("checkout", "{}");
    rig_refused(OP_PREPARE, 1, "sold out");
    rig_durable();
    ck_assert_ptr_null(rig_written(TXN_RECORD_ATTEMPT));
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
}
END_TEST

Suite *suite_driving(void)
{
    Suite *suite = suite_create("driving");
    TCase *tests = tcase_create("driving");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, commits_leave_and_the_client_hears_when_the_decision_is_durable);
    tcase_add_test(tests, who_wants_the_decision_need_not_wait_for_the_acknowledgements);
    tcase_add_test(tests, who_does_not_wait_is_told_when_it_is_accepted_durably);
    tcase_add_test(tests, a_no_aborts_all_and_is_told_with_its_words_when_it_is_durable);
    tcase_add_test(tests, what_is_not_in_the_input_aborts_and_says_which_path);
    tcase_add_test(tests, a_prepare_that_does_not_come_is_given_up_at_its_timeout);
    tcase_add_test(tests, behind_a_commit_in_flight_nothing_aborts);
    tcase_add_test(tests, a_decision_that_stood_there_first_holds);
    tcase_add_test(tests, a_commit_that_nobody_answers_is_sent_again_without_end);
    tcase_add_test(tests, a_full_queue_to_a_participant_is_no_answer_of_its);
    tcase_add_test(tests, an_answer_for_what_is_not_here_changes_nothing);
    tcase_add_test(tests, a_single_branch_decides_by_itself_behind_a_row_that_says_so);
    tcase_add_test(tests,
                   a_single_branch_whose_answer_is_lost_is_asked_again_and_never_taken_for_a_no);
    tcase_add_test(tests, who_only_read_hears_no_commit);
    tcase_add_test(tests,
                   a_branch_that_ended_otherwise_makes_the_outcome_mixed_when_that_is_durable);
    tcase_add_test(tests, who_has_waited_long_enough_is_told_how_far_it_is);
    tcase_add_test(tests, a_participant_that_is_registered_again_keeps_what_is_under_way);
    tcase_add_test(tests, behind_its_pivot_a_saga_only_goes_forward);
    tcase_add_test(tests, a_pivot_that_says_no_turns_the_saga_back);
    tcase_add_test(tests, a_pivot_that_may_have_run_is_fenced_before_the_turn_is_written);
    tcase_add_test(tests, a_step_gets_the_output_of_the_one_before_it);
    tcase_add_test(tests, a_refusal_undoes_what_was_done_with_what_it_answered);
    tcase_add_test(tests, a_step_whose_condition_is_false_is_never_sent);
    tcase_add_test(tests, an_unknown_answer_is_asked_again_and_counted);
    tcase_add_test(tests, a_prepare_that_does_not_come_makes_a_saga_of_it_behind_one_write);
    tcase_add_test(tests, a_business_no_never_falls_back);
    suite_add_tcase(suite, tests);
    return suite;
}
