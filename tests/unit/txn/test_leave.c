#include "rig.h"
#include "tests.h"

#define MEMBER(n, more)                                                                            \
    "{\"branch\":" #n ",\"name\":\"s\",\"participant\":\"bank_" #n                                 \
    "\",\"operation\":\"debit\",\"inquires\":true" more "}"
#define YES(n)     MEMBER(n, ",\"vote\":\"yes\"")
#define NOTHING(n) MEMBER(n, "")

/* As the leader of epoch 1 left it: rig_recover() leads under 2. */
static struct txn_image image_of(const char *members, bool interactive)
{
    struct txn_image image = {
        .attempt = 1, .members = {members, strlen(members)}, .handed = 1, .closed = false};
    image.origin.interactive = interactive;
    image.origin.timeout_us = 10000000;
    image.origin.prepare_timeout_us = 2000000;
    image.origin.began_at.us = UINT64_C(1700000000000000) - 4000000;
    return image;
}

static struct rig *open_with_two(void)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    rig_enlist(rig, 7, true, VOTE_NONE);
    rig_enlist(rig, 3, true, VOTE_YES);
    rig_durable(rig, TXN_RECORD_BEGIN);
    return rig;
}

START_TEST(an_open_one_is_handed_over_with_its_list_and_is_silent)
{
    struct rig *rig = open_with_two();
    ck_assert(txn_leaves_well(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "persist begin!");
    const struct txn_record *record = rig_record(rig, TXN_RECORD_BEGIN);
    ck_assert_uint_eq(record->handed, rig->txn.epoch);
    ck_assert(!record->closed);
    ck_assert_ptr_nonnull(memmem(record->members.data, record->members.len, "\"branch\":3", 10));
    ck_assert_int_eq(rig->txn.state, TXN_LEAVING);
    ck_assert_str_eq(rig_enlist(rig, 5, true, VOTE_NONE), "");
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){3, 7}, 2), "");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), "");
    ck_assert_str_eq(rig_after(rig, 3600000000u), "");
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, 0);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_UNKNOWN);
    ck_assert_int_eq(txn_inquire(&rig->txn, 9, 1), TXN_ANSWER_UNDECIDED);
    rig_free(rig);
}
END_TEST

START_TEST(what_is_being_written_is_waited_for)
{
    struct rig *rig = rig_new_interactive();
    rig_event(rig, TXN_EVENT_OPENED);
    ck_assert(!txn_leaves_well(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "");
    ck_assert_int_eq(rig->txn.state, TXN_OPEN);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_BEGIN), "persist begin!");
    ck_assert_int_eq(rig->txn.state, TXN_LEAVING);
    rig_free(rig);
}
END_TEST

START_TEST(a_decision_on_its_way_is_told_and_then_it_leaves)
{
    struct rig *rig = open_with_two();
    rig_close(rig, (uint32_t[]){3, 7}, 2);
    rig_event(rig, TXN_EVENT_RESERVED);
    ck_assert(!txn_leaves_well(&rig->txn));
    rig_vote(rig, 7, VOTE_YES);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "send 7 commit; send 3 commit; reply decided; publish decision; release 7");
    ck_assert_int_eq(rig->txn.state, TXN_LEAVING);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_OUTCOME);
    ck_assert_int_eq(txn_inquire(&rig->txn, 7, 1), TXN_ANSWER_COMMITTED);
    rig_free(rig);
}
END_TEST

START_TEST(what_waits_for_slots_gives_its_place_back)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_durable(rig, TXN_RECORD_BEGIN);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "unreserve; persist begin!");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "release 1; release 2");
    rig_free(rig);
}
END_TEST

START_TEST(one_that_is_prepared_gives_its_slots_back_and_hears_no_vote)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_durable(rig, TXN_RECORD_BEGIN);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_vote(rig, 1, VOTE_YES);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "release 1; release 2; persist begin!");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "");
    rig_free(rig);
}
END_TEST

START_TEST(the_next_leader_keeps_it_open_with_its_votes)
{
    struct txn_image image = image_of("[" YES(1) "," NOTHING(2) "]", true);
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "");
    ck_assert_int_eq(rig->txn.state, TXN_OPEN);
    ck_assert_str_eq(rig_enlist(rig, 2, true, VOTE_NONE), "reply enlisted 2");
    ck_assert_str_eq(rig_close(rig, (uint32_t[]){1, 2}, 2), "reserve 2");
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_commit_that_was_said_goes_on)
{
    struct txn_image image = image_of("[" YES(1) "," NOTHING(2) "]", true);
    image.closed = true;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "reserve 2");
    rig_free(rig);
    image = image_of("[" YES(1) "," YES(2) "]", true);
    image.closed = true;
    rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "persist decision commit committed!");
    rig_free(rig);
}
END_TEST

/* One between them may have taken more branches, or told some to abort, and died. */
START_TEST(only_the_leader_right_before_has_frozen_it)
{
    struct txn_image image = image_of("[" YES(1) "]", true);
    image.handed = 7;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(past_its_time_it_aborts)
{
    struct txn_image image = image_of("[" YES(1) "]", true);
    image.origin.began_at.us -= 3600000000u;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_TIMEOUT);
    rig_free(rig);
}
END_TEST

/* Its client waited, and nothing was promised to it; whoever leads drives it on all the same. */
START_TEST(an_orchestrated_one_is_driven_again_by_every_later_leader)
{
    for (uint32_t handed = 1; handed < 9; handed += 7) {
        struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]", false);
        image.handed = handed;
        const char *trace;
        struct rig *rig = rig_recover(&image, &trace);
        ck_assert_str_eq(trace, "send 1 abort #1; send 2 abort #1; persist attempt abort!");
        ck_assert_int_eq(rig->txn.state, TXN_RESTARTING);
        rig_free(rig);
    }
}
END_TEST

/* It could fall back, and need not. */
START_TEST(a_handover_is_no_reason_to_fall_back)
{
    struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]", false);
    image.origin.mode = TXN_MODE_2PC_THEN_SAGA;
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cc", &trace);
    ck_assert_int_eq(rig->txn.state, TXN_RESTARTING);
    rig_free(rig);
}
END_TEST

START_TEST(a_saga_leaves_well_when_no_last_try_is_out)
{
    struct rig *rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig_begin(rig);
    ck_assert(txn_leaves_well(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_LEAVES), "");
    ck_assert_int_eq(rig->txn.state, TXN_LEAVING);
    ck_assert_str_eq(rig_executed(rig, 1, "{}"), "");
    rig_free(rig);
    rig = rig_new_saga(TXN_MODE_SAGA, "cc");
    rig->branches[0].retry.max_attempts = 1;
    rig_begin(rig);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP), "send 1 execute");
    ck_assert(!txn_leaves_well(&rig->txn));
    rig_free(rig);
}
END_TEST

TCase *leave_tests(void)
{
    TCase *tests = tcase_create("leave");
    tcase_add_test(tests, an_open_one_is_handed_over_with_its_list_and_is_silent);
    tcase_add_test(tests, what_is_being_written_is_waited_for);
    tcase_add_test(tests, a_decision_on_its_way_is_told_and_then_it_leaves);
    tcase_add_test(tests, what_waits_for_slots_gives_its_place_back);
    tcase_add_test(tests, one_that_is_prepared_gives_its_slots_back_and_hears_no_vote);
    tcase_add_test(tests, the_next_leader_keeps_it_open_with_its_votes);
    tcase_add_test(tests, a_commit_that_was_said_goes_on);
    tcase_add_test(tests, only_the_leader_right_before_has_frozen_it);
    tcase_add_test(tests, past_its_time_it_aborts);
    tcase_add_test(tests, an_orchestrated_one_is_driven_again_by_every_later_leader);
    tcase_add_test(tests, a_handover_is_no_reason_to_fall_back);
    tcase_add_test(tests, a_saga_leaves_well_when_no_last_try_is_out);
    return tests;
}
