/* An operator says how a branch ended. */
#include <txn/resolve.h>

#include "rig.h"
#include "tests.h"

static const char *resolve(struct rig *rig, uint32_t branch, enum txn_word word, bool force)
{
    struct txn_event event = {.kind = TXN_EVENT_RESOLVED};
    event.of.resolve.number = branch;
    event.of.resolve.word = word;
    event.of.resolve.force = force;
    event.of.resolve.said = SPAN("{\"as\":\"…\",\"by\":\"alice\"}");
    return rig_step(rig, &event);
}

static const char *forget(struct rig *rig, bool force)
{
    struct txn_event event = {.kind = TXN_EVENT_FORGOTTEN};
    event.of.resolve.force = force;
    event.of.resolve.said = SPAN("{\"by\":\"bob\"}");
    return rig_step(rig, &event);
}

/* Two branches are told to commit; the second has acknowledged. */
static struct rig *to_committing(void)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED);
    return rig;
}

/* A saga whose only compensation was refused. */
static struct rig *to_parked_undo(void)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "c");
    rig_begin(rig);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_durable(rig, TXN_RECORD_DECISION);
    rig_result(rig, 1, OP_COMPENSATE, RESULT_REFUSED);
    rig_durable(rig, TXN_RECORD_STEP);
    return rig;
}

START_TEST(a_word_counts_when_it_is_durable)
{
    /* Of a parked compensation: the word is a record; that durable, the saga has its outcome. */
    struct rig *rig = to_parked_undo();
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(resolve(rig, 1, TXN_WORD_COMPENSATED, false), "persist step 1 compensated!");
    ck_assert_int_eq(rig->txn.branches[0].state, TXN_BRANCH_PARKED);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_COMPENSATED, false),
                     TXN_RESOLVE_SAID);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "reply resolved 1; persist outcome abort compensated!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_OUTCOME)->steps,
                      "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_1\",\"operation\":"
                      "\"debit\",\"state\":\"compensated\",\"tries\":1,\"reason\":\"said so\","
                      "\"resolved\":{\"as\":\"…\",\"by\":\"alice\"}}]"));
    rig_free(rig);
}
END_TEST

START_TEST(nothing_acts_while_a_word_is_on_its_way)
{
    /* Another operator says "again" meanwhile: nothing is sent for the branch. */
    struct rig *rig = to_parked_undo();
    resolve(rig, 1, TXN_WORD_COMPENSATED, false);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "");
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_ABORTED, true),
                     TXN_RESOLVE_OTHER_SAID);
    rig_free(rig);
}
END_TEST

START_TEST(its_own_answer_is_better_than_a_word)
{
    /* In flight, and the branch answers otherwise: the word is taken back, and he is told. */
    struct rig *rig = to_committing();
    ck_assert_str_eq(resolve(rig, 1, TXN_WORD_ABORTED, true), "persist step 1 aborted!");
    ck_assert_str_eq(rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "release 1; reply completed");
    ck_assert_int_eq(rig->txn.state, TXN_COMMITTING);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "persist step 1 overruled!; reply resolved 1 EXISTS");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_COMMITTED);
    ck_assert_int_eq(rig->txn.state, TXN_PUBLISHING);
    rig_free(rig);
}
END_TEST

START_TEST(a_branch_in_doubt_is_settled_and_still_told)
{
    /* As decided: the client is told "completed", and the commit goes on until it is answered. */
    struct rig *rig = to_committing();
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "reply resolved 1; release 1; reply completed");
    ck_assert_int_eq(rig->txn.branches[0].state, TXN_BRANCH_COMMITTED);
    ck_assert_str_eq(rig_wake(rig), "send 1 commit");
    ck_assert_int_eq(rig->txn.state, TXN_COMMITTING);
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_int_eq(rig->txn.state, TXN_PUBLISHING);
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_COMMITTED);
    rig_free(rig);
}
END_TEST

START_TEST(a_branch_that_ended_otherwise_is_found_out)
{
    /* It comes back behind the word, and had been rolled back: mixed, with its own event. */
    struct rig *rig = to_committing();
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    rig_durable(rig, TXN_RECORD_STEP);
    rig_wake(rig);
    ck_assert_str_eq(rig_result(rig, 1, OP_COMMIT, RESULT_HEURISTIC),
                     "persist outcome commit mixed!");
    ck_assert_int_eq(rig->txn.branches[0].state, TXN_BRANCH_HEURISTIC);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_OUTCOME), "publish outcome; reply decided; "
                                                           "reply completed");
    ck_assert_int_eq(rig->txn.outcome, TXN_OUTCOME_MIXED);
    rig_free(rig);
}
END_TEST

START_TEST(against_the_decision_only_with_force)
{
    /* Refused, and what is wrong is said; forced, the outcome is mixed, and the branch is told. */
    struct rig *rig = to_committing();
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_ABORTED, false),
                     TXN_RESOLVE_CONTRARY);
    ck_assert_str_eq(resolve(rig, 1, TXN_WORD_ABORTED, false), "");
    resolve(rig, 1, TXN_WORD_ABORTED, true);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "reply resolved 1; release 1; persist outcome commit mixed!");
    rig_durable(rig, TXN_RECORD_OUTCOME);
    ck_assert_str_eq(rig_wake(rig), "send 1 commit");
    rig_free(rig);
}
END_TEST

START_TEST(what_may_not_be_said_has_its_reason)
{
    struct rig *rig = to_committing();
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 9, TXN_WORD_COMMITTED, true),
                     TXN_RESOLVE_NO_BRANCH);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 2, TXN_WORD_COMMITTED, true),
                     TXN_RESOLVE_ANSWERED);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_COMPENSATED, true),
                     TXN_RESOLVE_WRONG_WORD);
    ck_assert_int_eq(txn_forget_check(&rig->txn, true), TXN_FORGET_OPEN);
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_COMMITTED, false), TXN_RESOLVE_SAID);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_ABORTED, true),
                     TXN_RESOLVE_OTHER_SAID);
    rig_free(rig);
    rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_COMMITTED, true),
                     TXN_RESOLVE_NOT_YET);
    rig_event(rig, TXN_EVENT_CANCELLED); /* the abort's row is in flight */
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_ABORTED, true), TXN_RESOLVE_WRITING);
    rig_free(rig);
}
END_TEST

START_TEST(what_may_still_act_needs_force)
{
    /* A compensation that is out may be done behind the word. */
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "c");
    rig_begin(rig);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 1, TXN_WORD_COMPENSATED, false),
                     TXN_RESOLVE_MAY_ACT);
    ck_assert_str_eq(resolve(rig, 1, TXN_WORD_COMPENSATED, true), "persist step 1 compensated!");
    rig_free(rig);
}
END_TEST

START_TEST(what_only_waits_is_forgotten)
{
    /* Behind a word the branch's acknowledgement is given up: the record, then the end. */
    struct rig *rig = to_committing();
    rig_event(rig, TXN_EVENT_PUBLISHED);
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_str_eq(forget(rig, false), "persist step 1 forgotten!");
    ck_assert_int_eq(txn_forget_check(&rig->txn, false), TXN_FORGET_SAID);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "reply resolved; persist end commit committed; ended");
    ck_assert_int_eq(txn_forget_check(&rig->txn, true), TXN_FORGET_NOTHING);
    rig_free(rig);
}
END_TEST

START_TEST(who_cannot_ask_is_not_forgotten_lightly)
{
    struct rig *rig = to_committing();
    rig->branches[0].inquires = false;
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    rig_durable(rig, TXN_RECORD_STEP);
    ck_assert_int_eq(txn_forget_check(&rig->txn, false), TXN_FORGET_CANNOT_ASK);
    ck_assert_int_eq(txn_forget_check(&rig->txn, true), TXN_FORGET_MAY);
    rig_free(rig);
}
END_TEST

START_TEST(a_branch_that_decides_is_decided_by_a_word)
{
    /* One phase, revoked, and the participant makes no sense: the word is the decision. */
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_durable(rig, TXN_RECORD_DELEGATE);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_result(rig, 1, OP_ABORT, RESULT_REFUSED);
    resolve(rig, 1, TXN_WORD_COMMITTED, false);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                     "reply resolved 1; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

static struct rig *recovered(enum txn_decision decision, const char *steps, const char **ret_trace)
{
    static struct txn_image image; /* the txn borrows its origin */
    image = (struct txn_image){.attempt = 1, .decision = decision};
    image.members = span_of(rig_members(2, 2));
    image.steps = span_of(steps);
    return rig_recover(&image, ret_trace);
}

START_TEST(a_new_leader_goes_by_the_word)
{
    /* The word is read back: settled, told once more, and shown. */
    const char *trace;
    struct rig *rig = recovered(TXN_COMMIT,
                                "[{\"branch\":1,\"attempt\":1,\"step\":\"committed\",\"resolved\":"
                                "{\"as\":\"committed\",\"by\":\"alice\"}}]",
                                &trace);
    ck_assert_str_eq(trace, "send 1 commit; send 2 commit; reply decided");
    ck_assert_int_eq(rig->branches[0].state, TXN_BRANCH_COMMITTED);
    ck_assert_uint_eq(rig->txn.owed_commits, 1);
    rig_free(rig);
    rig = recovered(
        TXN_COMMIT,
        "[{\"branch\":1,\"attempt\":1,\"step\":\"aborted\",\"resolved\":{\"by\":\"a\"}}]", &trace);
    ck_assert_str_eq(trace, "send 1 commit; send 2 commit; persist outcome commit mixed!");
    rig_free(rig);
    rig = recovered(
        TXN_COMMIT,
        "[{\"branch\":1,\"attempt\":1,\"step\":\"overruled\",\"resolved\":{\"by\":\"a\"}}]",
        &trace);
    ck_assert_int_eq(rig->branches[0].state, TXN_BRANCH_COMMITTING);
    rig_free(rig);
}
END_TEST

START_TEST(a_step_that_was_done_by_hand_is_not_done_again)
{
    /* A saga's new leader sends no compensation to what an operator has undone. */
    static struct txn_image image;
    image = (struct txn_image){.attempt = 1, .protocol = TXN_PROTOCOL_SAGA, .decision = TXN_ABORT};
    image.origin.mode = TXN_MODE_SAGA;
    image.members = span_of(rig_members(2, 0));
    image.steps =
        span_of("[{\"branch\":2,\"attempt\":1,\"step\":\"compensated\",\"resolved\":{}}]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cc", &trace);
    ck_assert_str_eq(trace, "persist step 1 undo_trying!");
    ck_assert_int_eq(rig->branches[1].state, TXN_BRANCH_COMPENSATED);
    rig_free(rig);
}
END_TEST

START_TEST(a_new_leader_takes_the_own_answer_behind_a_word)
{
    /* The word was on its way when the branch answered otherwise, and nobody took it back. */
    static struct txn_image image;
    image = (struct txn_image){.attempt = 1, .protocol = TXN_PROTOCOL_SAGA, .decision = TXN_ABORT};
    image.origin.mode = TXN_MODE_SAGA;
    image.members = span_of(rig_members(1, 0));
    image.steps = span_of("[{\"branch\":1,\"attempt\":1,\"step\":\"committed\",\"resolved\":{}},"
                          "{\"branch\":1,\"attempt\":1,\"step\":\"compensated\"}]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "c", &trace);
    ck_assert_str_eq(trace, "persist outcome abort compensated!");
    ck_assert_uint_eq(rig->txn.worded, 0);
    rig_free(rig);
}
END_TEST

TCase *by_hand_tests(void)
{
    TCase *tests = tcase_create("by_hand");
    tcase_add_test(tests, a_word_counts_when_it_is_durable);
    tcase_add_test(tests, nothing_acts_while_a_word_is_on_its_way);
    tcase_add_test(tests, its_own_answer_is_better_than_a_word);
    tcase_add_test(tests, a_branch_in_doubt_is_settled_and_still_told);
    tcase_add_test(tests, a_branch_that_ended_otherwise_is_found_out);
    tcase_add_test(tests, against_the_decision_only_with_force);
    tcase_add_test(tests, what_may_not_be_said_has_its_reason);
    tcase_add_test(tests, what_may_still_act_needs_force);
    tcase_add_test(tests, what_only_waits_is_forgotten);
    tcase_add_test(tests, who_cannot_ask_is_not_forgotten_lightly);
    tcase_add_test(tests, a_branch_that_decides_is_decided_by_a_word);
    tcase_add_test(tests, a_new_leader_goes_by_the_word);
    tcase_add_test(tests, a_step_that_was_done_by_hand_is_not_done_again);
    tcase_add_test(tests, a_new_leader_takes_the_own_answer_behind_a_word);
    return tests;
}
