/* What an answer proves of the tries before it, and what an operator's retry of a refusal is
 * (txn/proof.c; faults.md 46, 48). */
#include "rig.h"
#include "tests.h"

static struct rig *delegated(void)
{
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DELEGATE), "send 1 execute");
    return rig;
}

/* An answer in the step's own attempt. */
static const char *said(struct rig *rig, uint32_t branch, enum message_op op,
                        enum message_result result, enum message_state state)
{
    return rig_full_result(
        rig,
        &(struct result){.op = op,
                         .branch = branch,
                         .attempt = rig->txn.attempt + rig->branches[branch - 1].raised,
                         .result = result,
                         .state = state},
        false);
}

static const char *refused(struct rig *rig, uint32_t branch)
{
    return said(rig, branch, OP_EXECUTE, RESULT_REFUSED, BRANCH_IS_UNSAID);
}

static const char *refused_with_tombstone(struct rig *rig, uint32_t branch)
{
    return said(rig, branch, OP_EXECUTE, RESULT_REFUSED, BRANCH_IS_ABORTED);
}

/* One phase: a refusal behind a try whose answer was lost is no decision: it is revoked, and
 * that answer is. */
START_TEST(one_phase_revokes_behind_an_unknown_try)
{
    static const enum message_result lost[] = {RESULT_UNKNOWN, RESULT_RETRY, RESULT_VOTE,
                                               RESULT_NO_OPERATION};
    struct rig *rig = delegated();
    ck_assert_str_eq(rig_result(rig, 1, OP_EXECUTE, lost[_i % 4]), "");
    ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    ck_assert_str_eq(refused(rig, 1), "send 1 abort");
    ck_assert_int_eq(rig->txn.state, TXN_REVOKING);
    if (_i < 4) { /* the money has moved */
        ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_COMMITTED),
                         "release 1; persist decision commit committed!");
        ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_NONE);
    } else {
        ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED),
                         "release 1; persist decision abort aborted!");
        ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_REFUSED);
    }
    rig_free(rig);
}
END_TEST

/* One phase: a tombstone proves it, whatever became of the tries before; so does a refusal when
 * these never left, or left nothing. */
START_TEST(one_phase_takes_proof)
{
    struct rig *rig = delegated();
    static const struct result none = {
        .op = OP_EXECUTE, .branch = 1, .attempt = 1, .result = RESULT_UNKNOWN};
    if (_i == 0)
        rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN);
    else if (_i == 1)
        rig_full_result(rig, &none, true);
    else
        rig_result(rig, 1, OP_EXECUTE, RESULT_CONFLICT);
    ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    ck_assert_str_eq(_i == 0 ? refused_with_tombstone(rig, 1) : refused(rig, 1),
                     "release 1; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_REFUSED);
    rig_free(rig);
}
END_TEST

/* The second conflict may be the first's answer once more: then the try between them has acted. */
START_TEST(a_conflict_that_comes_twice_answers_one_try)
{
    struct rig *rig = delegated();
    rig_result(rig, 1, OP_EXECUTE, RESULT_CONFLICT);
    ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    rig_result(rig, 1, OP_EXECUTE, RESULT_CONFLICT);
    ck_assert_str_eq(rig_wake(rig), "send 1 execute");
    ck_assert_str_eq(refused(rig, 1), "send 1 abort");
    ck_assert_int_eq(rig->txn.state, TXN_REVOKING);
    rig_free(rig);
}
END_TEST

/* Behind the abort another refusal of execute still proves nothing. */
START_TEST(one_phase_waits_for_the_answer_to_its_abort)
{
    struct rig *rig = delegated();
    rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "send 1 abort");
    ck_assert_str_eq(refused(rig, 1), "");
    ck_assert_int_eq(rig->txn.state, TXN_REVOKING);
    ck_assert_str_eq(refused_with_tombstone(rig, 1), "release 1; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CANCELLED);
    rig_free(rig);
}
END_TEST

/* A new leader's first try is not the first. */
START_TEST(a_new_leader_revokes_what_is_refused)
{
    const char *trace;
    struct txn_image image = {.attempt = 1, .delegated_branch = 1};
    image.origin.prepare_timeout_us = 2000000;
    image.members = (struct troth_span){rig_members(1, 0), strlen(rig_members(1, 0))};
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 execute");
    ck_assert_str_eq(refused(rig, 1), "send 1 abort");
    rig_free(rig);
}
END_TEST

/* "No such operation here" is asked again, wherever it comes. */
START_TEST(no_operation_is_no_refusal)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare; send 2 prepare");
    ck_assert_str_eq(rig_result(rig, 1, OP_PREPARE, RESULT_NO_OPERATION), "");
    ck_assert_str_eq(rig_wake(rig), "send 1 prepare");
    ck_assert(span_is(rig->branches[0].reason, "said so"));
    rig_free(rig);
    rig = rig_new_saga(TXN_MODE_SAGA, "c");
    ck_assert_str_eq(rig_begin(rig), "reply accepted; send 1 execute");
    ck_assert_str_eq(rig_result(rig, 1, OP_EXECUTE, RESULT_NO_OPERATION), "persist step 1 waiting");
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 compensate");
    ck_assert_str_eq(rig_result(rig, 1, OP_COMPENSATE, RESULT_NO_OPERATION),
                     "persist step 1 undo_waiting");
    rig_free(rig);
}
END_TEST

/* A step that was refused with a tombstone never ran, whatever became of the tries before. */
START_TEST(a_tombstone_clears_what_may_have_run)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "c");
    rig_begin(rig);
    rig_result(rig, 1, OP_EXECUTE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_wake(rig), "persist step 1 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 execute");
    ck_assert_str_eq(_i == 0 ? refused_with_tombstone(rig, 1) : refused(rig, 1),
                     "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     _i == 0 ? "persist outcome abort compensated!" : "send 1 compensate");
    rig_free(rig);
}
END_TEST

static struct rig *behind_the_pivot(void)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "pr");
    rig_begin(rig);
    ck_assert_str_eq(rig_executed(rig, 1, NULL), "persist step 1 done; send 2 execute");
    rig_durable(rig, TXN_RECORD_STEP);
    return rig;
}

/* The stored refusal would be the answer for ever: an operator's retry is a new attempt of the
 * step, durable before it leaves, and again so each time. */
START_TEST(a_retry_of_a_refusal_is_a_new_attempt)
{
    struct rig *rig = behind_the_pivot();
    ck_assert_str_eq(refused_with_tombstone(rig, 2), "persist step 2 refused");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "persist step 2 trying!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_STEP)->step,
                      "{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":1,\"raised\":1}"));
    ck_assert_str_eq(rig_after(rig, 20000000), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute #2");
    ck_assert_str_eq(rig_result(rig, 2, OP_EXECUTE, RESULT_REFUSED), ""); /* of attempt 1, late */
    ck_assert_str_eq(refused(rig, 2), "persist step 2 refused");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "persist step 2 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute #3");
    ck_assert_str_eq(said(rig, 2, OP_EXECUTE, RESULT_DONE, BRANCH_IS_COMMITTED),
                     "persist step 2 done; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

/* Behind an unknown try the refusal is checked first: the branch may have acted, and then the saga
 * goes on without anybody. */
START_TEST(a_doubtful_refusal_behind_the_pivot_is_revoked)
{
    struct rig *rig = behind_the_pivot();
    rig_result(rig, 2, OP_EXECUTE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_wake(rig), "send 2 execute");
    ck_assert_str_eq(refused(rig, 2), "send 2 abort");
    ck_assert_int_eq(rig->txn.state, TXN_RUNNING);
    ck_assert_str_eq(rig_result(rig, 2, OP_ABORT, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_wake(rig), "send 2 abort");
    switch (_i) {
    case 0: /* done */
        ck_assert_str_eq(said(rig, 2, OP_ABORT, RESULT_DONE, BRANCH_IS_COMMITTED),
                         "persist step 2 done; persist decision commit committed!");
        break;
    case 1: /* not done, and never will be */
        ck_assert_str_eq(said(rig, 2, OP_ABORT, RESULT_DONE, BRANCH_IS_ABORTED),
                         "persist step 2 refused");
        rig_durable(rig, TXN_RECORD_STEP);
        ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "persist step 2 trying!");
        ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute #2");
        break;
    default: /* it cannot say: the same attempt, for only its key tells the two apart */
        ck_assert_str_eq(
            said(rig, 2, OP_ABORT, _i == 2 ? RESULT_NO_OPERATION : RESULT_DONE, BRANCH_IS_UNSAID),
            "persist step 2 parked");
        rig_durable(rig, TXN_RECORD_STEP);
        ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 execute");
        break;
    }
    rig_free(rig);
}
END_TEST

static struct rig *turned(void)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    rig_executed(rig, 1, "{\"n\":1}");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(refused(rig, 2), "persist decision abort!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 compensate");
    return rig;
}

/* The same of a compensation. */
START_TEST(a_retry_of_a_refused_compensation_is_a_new_attempt)
{
    struct rig *rig = turned();
    ck_assert_str_eq(said(rig, 1, OP_COMPENSATE, RESULT_REFUSED, BRANCH_IS_UNSAID),
                     "persist step 1 undo_refused");
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "persist step 1 undo_trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 compensate #2");
    ck_assert_str_eq(said(rig, 1, OP_COMPENSATE, RESULT_DONE, BRANCH_IS_COMPENSATED),
                     "persist step 1 compensated; persist outcome abort compensated!");
    rig_free(rig);
}
END_TEST

/* A compensation that is refused behind an unknown try: its branch is asked whether it is done. */
START_TEST(a_doubtful_refusal_of_a_compensation_is_asked_about)
{
    struct rig *rig = turned();
    rig_result(rig, 1, OP_COMPENSATE, RESULT_UNKNOWN);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_after(rig, 20000000);
    ck_assert_str_eq(said(rig, 1, OP_COMPENSATE, RESULT_REFUSED, BRANCH_IS_UNSAID),
                     "send 1 status");
    if (_i == 0) {
        ck_assert_str_eq(said(rig, 1, OP_STATUS, RESULT_DONE, BRANCH_IS_COMPENSATED),
                         "persist step 1 compensated; persist outcome abort compensated!");
    } else {
        ck_assert_str_eq(
            said(rig, 1, OP_STATUS, RESULT_DONE, _i == 1 ? BRANCH_IS_COMMITTED : BRANCH_IS_UNKNOWN),
            _i == 1 ? "persist step 1 undo_refused" : "persist step 1 undo_parked");
        rig_durable(rig, TXN_RECORD_STEP);
        ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED),
                         _i == 1 ? "persist step 1 undo_trying!" : "send 1 compensate");
    }
    rig_free(rig);
}
END_TEST

/* A commit is of the attempt that was prepared: what an operator sends again has a number of its
 * own, another each time, that tells it apart for who keeps its answers. */
START_TEST(a_retry_of_a_refused_commit_is_told_apart)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_uint_eq(rig->effects.list[0].again, 0);
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    uint64_t before = 0;
    for (int i = 0; i < 3; i++) {
        rig_result(rig, 2, OP_COMMIT, RESULT_REFUSED);
        ck_assert(txn_parked(&rig->txn));
        ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 2 commit");
        ck_assert_uint_ne(rig->effects.list[0].again, before);
        before = rig->effects.list[0].again;
        ck_assert_uint_eq(rig->effects.list[0].attempt, 1);
    }
    rig_result(rig, 2, OP_COMMIT, RESULT_UNKNOWN);
    ck_assert_str_eq(rig_wake(rig), "send 2 commit");
    ck_assert_uint_eq(rig->effects.list[0].again, before);
    rig_free(rig);
}
END_TEST

static struct txn_image image_of(const char *steps)
{
    struct txn_image image = {.attempt = 1, .protocol = TXN_PROTOCOL_SAGA};
    image.origin.mode = TXN_MODE_SAGA;
    image.members = (struct troth_span){rig_members(2, 0), strlen(rig_members(2, 0))};
    image.steps = (struct troth_span){steps, strlen(steps)};
    return image;
}

/* A new leader knows which attempt of a step was tried, and what was refused for good. */
START_TEST(a_new_leader_goes_on_with_the_steps_own_attempt)
{
    const char *trace;
    struct txn_image image =
        image_of("[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                 "{\"branch\":2,\"attempt\":1,\"step\":\"refused\",\"tries\":1},"
                 "{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":1,\"raised\":1}]");
    struct rig *rig = rig_recover_saga(&image, "pr", &trace);
    ck_assert_str_eq(rig_wake(rig), "send 2 execute #2");
    ck_assert_str_eq(refused_with_tombstone(rig, 2), "persist step 2 refused");
    rig_free(rig);
    image = image_of("[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1},"
                     "{\"branch\":2,\"attempt\":1,\"step\":\"refused\",\"tries\":1,\"raised\":1}]");
    rig = rig_recover_saga(&image, "pr", &trace);
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "persist step 2 trying!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 2 execute #3");
    rig_free(rig);
}
END_TEST

/* More attempts than there are numbers for: damage. */
START_TEST(an_attempt_beyond_all_numbers_is_damage)
{
    struct txn_image image =
        image_of("[{\"branch\":2,\"attempt\":1,\"step\":\"trying\",\"tries\":1,\"raised\":9999}]");
    struct rig *rig = rig_new(2);
    struct buffer texts = {0};
    ck_assert_int_eq(txn_recover(&rig->txn, &image, &rig->policy, 2, 43, rig->branches,
                                 TROTH_BRANCHES_MAX, &texts, rig->now),
                     TROTH_ERROR_SYNTAX);
    buffer_finish(&texts);
    rig_free(rig);
}
END_TEST

/* An output is what a status says of a branch that has committed, and nothing else. */
START_TEST(a_status_is_an_output_where_it_says_committed)
{
    static const enum message_state states[] = {BRANCH_IS_COMMITTED, BRANCH_IS_UNKNOWN,
                                                BRANCH_IS_UNSAID, BRANCH_IS_ABORTED};
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "c");
    rig->branches[0].compensate_needs = 1;
    rig_begin(rig);
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION), "send 1 status");
    ck_assert_str_eq(rig_done(rig, 1, OP_STATUS, states[_i]), "send 1 compensate");
    ck_assert_int_eq(rig->branches[0].output.data != NULL, _i == 0);
    ck_assert_int_eq(txn_output_unknown(&rig->txn, 0), _i != 0);
    rig_free(rig);
}
END_TEST

/* What was done without an output has none: a compensation that names it cannot be made. */
START_TEST(no_output_is_known_to_be_none)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    ck_assert(txn_output_unknown(&rig->txn, 0));
    rig_executed(rig, 1, NULL);
    ck_assert(!txn_output_unknown(&rig->txn, 0));
    rig_free(rig);
}
END_TEST

TCase *proof_tests(void)
{
    TCase *tests = tcase_create("proof");
    tcase_add_loop_test(tests, one_phase_revokes_behind_an_unknown_try, 0, 8);
    tcase_add_loop_test(tests, one_phase_takes_proof, 0, 3);
    tcase_add_test(tests, a_conflict_that_comes_twice_answers_one_try);
    tcase_add_test(tests, one_phase_waits_for_the_answer_to_its_abort);
    tcase_add_test(tests, a_new_leader_revokes_what_is_refused);
    tcase_add_test(tests, no_operation_is_no_refusal);
    tcase_add_loop_test(tests, a_tombstone_clears_what_may_have_run, 0, 2);
    tcase_add_test(tests, a_retry_of_a_refusal_is_a_new_attempt);
    tcase_add_loop_test(tests, a_doubtful_refusal_behind_the_pivot_is_revoked, 0, 4);
    tcase_add_test(tests, a_retry_of_a_refused_compensation_is_a_new_attempt);
    tcase_add_loop_test(tests, a_doubtful_refusal_of_a_compensation_is_asked_about, 0, 3);
    tcase_add_test(tests, a_retry_of_a_refused_commit_is_told_apart);
    tcase_add_test(tests, a_new_leader_goes_on_with_the_steps_own_attempt);
    tcase_add_test(tests, an_attempt_beyond_all_numbers_is_damage);
    tcase_add_loop_test(tests, a_status_is_an_output_where_it_says_committed, 0, 4);
    tcase_add_test(tests, no_output_is_known_to_be_none);
    return tests;
}
