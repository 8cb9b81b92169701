#include "rig.h"
#include "tests.h"

START_TEST(commit_is_told_to_members_that_voted_yes_and_to_nobody_else)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_READ_ONLY);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED); /* in flight */
    ck_assert_int_eq(txn_inquire(&rig->txn, 3, 1), TXN_ANSWER_ABORTED);   /* no member */
    rig_durable(rig, TXN_RECORD_DECISION);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_COMMITTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 2, 1), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 3, 1), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 2), TXN_ANSWER_UNDECIDED);
    rig_event(rig, TXN_EVENT_FENCED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED); /* not ours to say */
    rig_free(rig);
}
END_TEST

START_TEST(abort_is_told_as_soon_as_commit_is_impossible)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    rig_event(rig, TXN_EVENT_CANCELLED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_ABORTED);
    rig_free(rig);
}
END_TEST

START_TEST(an_open_list_tells_nobody_that_it_is_not_on_it)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 4, 1), TXN_ANSWER_UNDECIDED);
    rig_enlist(rig, 1, true, VOTE_NONE);
    rig_close(rig, NULL, 0);
    ck_assert_int_eq(txn_inquire(&rig->txn, 4, 1), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    rig_free(rig);
}
END_TEST

START_TEST(a_row_alone_answers_the_same)
{
    struct txn_image image = {
        .attempt = 2,
        .decision = TXN_COMMIT,
        .members = SPAN("[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":"
                        "true,\"vote\":\"yes\"},{\"branch\":2,\"participant\":\"p\",\"operation\":"
                        "\"o\",\"inquires\":true,\"vote\":\"read_only\"}]")};
    ck_assert_int_eq(txn_inquire_image(&image, 1, 2), TXN_ANSWER_COMMITTED);
    ck_assert_int_eq(txn_inquire_image(&image, 2, 2), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire_image(&image, 3, 2), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire_image(&image, 1, 1), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire_image(&image, 1, 3), TXN_ANSWER_UNDECIDED);
    image.members = SPAN("[{\"branch\":");
    ck_assert_int_eq(txn_inquire_image(&image, 3, 2), TXN_ANSWER_UNDECIDED); /* damaged */
    image.decision = TXN_UNDECIDED;
    ck_assert_int_eq(txn_inquire_image(&image, 1, 2), TXN_ANSWER_UNDECIDED);
    image.delegated_branch = 2;
    ck_assert_int_eq(txn_inquire_image(&image, 1, 2), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire_image(&image, 2, 2), TXN_ANSWER_UNDECIDED);
    image.decision = TXN_ABORT;
    ck_assert_int_eq(txn_inquire_image(&image, 2, 2), TXN_ANSWER_ABORTED);
}
END_TEST

START_TEST(absence_proves_an_abort_only_where_no_row_can_be_missing)
{
    struct txn_absence absence = {.epoch = 3, .shard_epoch = 4};
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_ABORTED);
    absence.lost = true;
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_UNKNOWN);
    absence = (struct txn_absence){.epoch = 3, .shard_epoch = 4, .forgotten = true};
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_UNKNOWN);
    absence = (struct txn_absence){.epoch = 5, .shard_epoch = 4};
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_UNKNOWN);
    absence = (struct txn_absence){.epoch = 4, .shard_epoch = 4};
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_UNDECIDED);
    absence.never_begun = true;
    ck_assert_int_eq(txn_inquire_absent(&absence), TXN_ANSWER_ABORTED);
}
END_TEST

TCase *inquire_tests(void)
{
    TCase *tests = tcase_create("inquire");
    tcase_add_test(tests, commit_is_told_to_members_that_voted_yes_and_to_nobody_else);
    tcase_add_test(tests, abort_is_told_as_soon_as_commit_is_impossible);
    tcase_add_test(tests, an_open_list_tells_nobody_that_it_is_not_on_it);
    tcase_add_test(tests, a_row_alone_answers_the_same);
    tcase_add_test(tests, absence_proves_an_abort_only_where_no_row_can_be_missing);
    return tests;
}
