#include "rig.h"
#include "tests.h"

static struct rig *open_with_two(void)
{
    struct rig *rig = rig_new_interactive();
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_OPENED), "persist begin");
    ck_assert_str_eq(rig_enlist(rig, 7, true, VOTE_NONE), "reply enlisted 7");
    ck_assert_str_eq(rig_enlist(rig, 3, true, VOTE_YES), "reply enlisted 3");
    return rig;
}

START_TEST(only_those_that_have_not_voted_are_prepared)
{
    struct rig *rig = open_with_two();
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3, 7}, 2), "reserve 1");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 7 prepare");
    ck_assert_str_eq(rig_vote(rig, 7, VOTE_YES), "persist decision commit committed!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "send 7 commit; send 3 commit; reply decided; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(all_voted_early_is_decided_at_once)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    rig_enlist(rig, 1, true, VOTE_YES);
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){1}, 1), "persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(one_member_that_has_not_voted_is_delegated_to)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    rig_enlist(rig, 9, true, VOTE_NONE);
    ck_assert_str_eq(rig_close(rig, NULL, 0), "reserve 1");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "persist delegate!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DELEGATE), "send 9 execute");
    rig_free(rig);
}
END_TEST

START_TEST(enlisting_twice_is_acknowledged_with_the_same_content_only)
{
    struct rig *rig = open_with_two();
    ck_assert_str_eq(rig_enlist(rig, 7, true, VOTE_NONE), "reply enlisted 7");
    ck_assert_str_eq(rig_enlist(rig, 7, true, VOTE_YES), "reply refused 7 EXISTS");
    ck_assert_str_eq(rig_enlist(rig, 7, false, VOTE_NONE), "reply refused 7 EXISTS");
    ck_assert_str_eq(rig_enlist(rig, 0, true, VOTE_NONE), "reply refused INVALID");
    rig->txn.branches_cap = 2;
    ck_assert_str_eq(rig_enlist(rig, 8, true, VOTE_NONE), "reply refused 8 FULL");
    rig_free(rig);
}
END_TEST

START_TEST(the_list_is_closed_but_a_member_is_never_refused_while_commit_is_possible)
{
    struct rig *rig = open_with_two();
    rig_close(rig, NULL, 0);
    ck_assert_str_eq(rig_enlist(rig, 8, true, VOTE_NONE), "reply refused 8 ENDED");
    ck_assert_str_eq(rig_enlist(rig, 7, true, VOTE_NONE), "reply enlisted 7");
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_str_eq(rig_enlist(rig, 7, true, VOTE_NONE), "reply refused 7 ENDED");
    rig_free(rig);
}
END_TEST

START_TEST(a_named_branch_that_never_enlisted_aborts)
{
    struct rig *rig = open_with_two();
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3, 7, 8}, 3),
                     "send 7 abort; send 3 abort; persist decision abort aborted!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_DECISION)->failure,
                      "{\"cause\":\"not_enlisted\",\"branch\":8}"));
    rig_free(rig);
}
END_TEST

START_TEST(a_repeated_commit_is_harmless)
{
    struct rig *rig = open_with_two();
    rig_close(rig, NULL, 0);
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){7, 3}, 2), ""); /* the first took whoever is in */
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 7, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_close(rig, NULL, 0), "reply decided");
    rig_done(rig, 7, OP_COMMIT, BRANCH_IS_COMMITTED);
    rig_done(rig, 3, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_close(rig, NULL, 0), "reply decided; reply completed");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "reply refused ENDED");
    rig_free(rig);
}
END_TEST

/* A repeated request gets the first one's answer; a changed one never does, before and after the
 * end. */
START_TEST(a_commit_with_another_list_is_refused)
{
    struct rig *rig = open_with_two();
    rig_close(rig, (uint32_t[]){7, 3}, 2);
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3, 7, 8}, 3), "reply refused EXISTS");
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3}, 1), "reply refused EXISTS");
    ck_assert_uint_eq(txn_list_difference(&rig->txn, (uint32_t[]){3, 7, 8}, 3), 8);
    ck_assert_uint_eq(txn_list_difference(&rig->txn, (uint32_t[]){3}, 1), 7);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 7, VOTE_YES);
    struct troth_span members = rig_record(rig, TXN_RECORD_DECISION)->members;
    struct txn_image image = {.decision = TXN_COMMIT, .members = members};
    uint32_t number = 99;
    ck_assert_int_eq(txn_image_list_difference(&image, (uint32_t[]){3, 7}, 2, &number), 0);
    ck_assert_uint_eq(number, 0);
    ck_assert_int_eq(txn_image_list_difference(&image, (uint32_t[]){7}, 1, &number), 0);
    ck_assert_uint_eq(number, 3);
    ck_assert_int_eq(txn_image_list_difference(&image, (uint32_t[]){7, 3, 5, 4}, 4, &number), 0);
    ck_assert_uint_eq(number, 4);
    ck_assert_int_eq(txn_image_list_difference(&image, NULL, 0, &number), 0);
    ck_assert_uint_eq(number, 0);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){8}, 1), "reply refused EXISTS");
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3, 7}, 2), "reply decided");
    rig_free(rig);
}
END_TEST

START_TEST(a_commit_that_aborted_for_a_stranger_is_aborted_when_it_is_repeated)
{
    struct rig *rig = open_with_two();
    rig_close(rig, (uint32_t[]){9, 7, 8}, 3);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){7, 8, 9}, 3), "reply decided");
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){7}, 1), "reply refused EXISTS");
    struct txn_image image = {.decision = TXN_ABORT,
                              .members = SPAN("[{\"branch\":7,\"participant\":\"bank_1\","
                                              "\"operation\":\"debit\",\"inquires\":true,"
                                              "\"named\":true}]"),
                              .failure = SPAN("{\"cause\":\"not_enlisted\",\"branch\":8}")};
    uint32_t number = 99;
    ck_assert_int_eq(txn_image_list_difference(&image, (uint32_t[]){9, 7, 8}, 3, &number), 0);
    ck_assert_uint_eq(number, 0);
    ck_assert_int_eq(txn_image_list_difference(&image, (uint32_t[]){7}, 1, &number), 0);
    ck_assert_uint_eq(number, 8);
    rig_free(rig);
}
END_TEST

/* What a client may be told follows what is durable (txn/told.c). */
START_TEST(what_is_told_follows_what_is_durable)
{
    struct rig *rig = rig_new(2);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_NOTHING);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_UNKNOWN);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_durable(rig, TXN_RECORD_BEGIN);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_ACCEPTED);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_ACCEPTED);
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_OUTCOME);
    rig_event(rig, TXN_EVENT_FENCED);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_OUTCOME);
    rig_free(rig);
    rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_durable(rig, TXN_RECORD_BEGIN);
    rig_event(rig, TXN_EVENT_FENCED);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_UNKNOWN);
    rig_free(rig);
    rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_verdict(rig, TXN_RECORD_BEGIN, TXN_FENCED, TXN_UNDECIDED);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_UNKNOWN);
    rig_free(rig);
}
END_TEST

START_TEST(the_whole_timeout_aborts_an_open_transaction)
{
    struct rig *rig = open_with_two();
    ck_assert_str_eq(rig_wake(rig), "send 7 abort; send 3 abort; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_TIMEOUT);
    rig_free(rig);
}
END_TEST

START_TEST(a_member_that_can_not_inquire_is_acknowledged_when_its_row_is_durable)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    ck_assert_str_eq(rig_enlist(rig, 1, false, VOTE_YES), "persist begin!");
    ck_assert(span_is(rig_record(rig, TXN_RECORD_BEGIN)->members,
                      "[{\"branch\":1,\"participant\":\"bank_1\",\"operation\":\"debit\","
                      "\"inquires\":false,\"vote\":\"yes\"}]"));
    ck_assert_str_eq(rig_enlist(rig, 1, false, VOTE_YES), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), ""); /* the first, without it */
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){1}, 1), "");
    ck_assert_int_eq(rig->txn.state, TXN_BEGINNING);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN),
                     "reply enlisted 1; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_refuses_who_is_still_enlisting)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    rig_enlist(rig, 1, false, VOTE_NONE);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED),
                     "reply refused 1 ENDED; send 1 abort; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(an_orchestrated_transaction_takes_no_members)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_str_eq(rig_enlist(rig, 3, true, VOTE_NONE), "reply refused 3 INVALID");
    ck_assert_str_eq(rig_close(rig, NULL, 0), "reply refused INVALID");
    rig_free(rig);
}
END_TEST

TCase *interactive_tests(void)
{
    TCase *tests = tcase_create("interactive");
    tcase_add_test(tests, only_those_that_have_not_voted_are_prepared);
    tcase_add_test(tests, all_voted_early_is_decided_at_once);
    tcase_add_test(tests, one_member_that_has_not_voted_is_delegated_to);
    tcase_add_test(tests, enlisting_twice_is_acknowledged_with_the_same_content_only);
    tcase_add_test(tests,
                   the_list_is_closed_but_a_member_is_never_refused_while_commit_is_possible);
    tcase_add_test(tests, a_named_branch_that_never_enlisted_aborts);
    tcase_add_test(tests, a_repeated_commit_is_harmless);
    tcase_add_test(tests, a_commit_with_another_list_is_refused);
    tcase_add_test(tests, a_commit_that_aborted_for_a_stranger_is_aborted_when_it_is_repeated);
    tcase_add_test(tests, what_is_told_follows_what_is_durable);
    tcase_add_test(tests, the_whole_timeout_aborts_an_open_transaction);
    tcase_add_test(tests, a_member_that_can_not_inquire_is_acknowledged_when_its_row_is_durable);
    tcase_add_test(tests, a_cancel_refuses_who_is_still_enlisting);
    tcase_add_test(tests, an_orchestrated_transaction_takes_no_members);
    return tests;
}
