#include <stdio.h>

#include <base/json.h>

#include "rig.h"
#include "tests.h"

#define MEMBER(n, vote)                                                                            \
    "{\"branch\":" #n ",\"name\":\"s\",\"participant\":\"bank_" #n                                 \
    "\",\"operation\":\"debit\",\"inquires\":true" vote "}"
#define YES(n)     MEMBER(n, ",\"vote\":\"yes\"")
#define READ(n)    MEMBER(n, ",\"vote\":\"read_only\"")
#define NOTHING(n) MEMBER(n, "")
#define SKIPPED(n) MEMBER(n, ",\"skipped\":true,\"vote\":\"read_only\"")

static struct txn_image image_of(const char *members)
{
    struct txn_image image = {.attempt = 1, .members = {members, strlen(members)}};
    image.origin.timeout_us = 10000000;
    image.origin.prepare_timeout_us = 2000000;
    image.origin.began_at.us = UINT64_C(1700000000000000) - 4000000;
    return image;
}

START_TEST(a_decided_commit_goes_on_with_phase_two)
{
    struct txn_image image = image_of("[" YES(1) "," READ(2) "," YES(3) "]");
    image.decision = TXN_COMMIT;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 commit; send 3 commit; reply decided");
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(rig_done(rig, 3, OP_COMMIT, BRANCH_IS_COMMITTED),
                     "reply completed; persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_decided_abort_goes_on_aborting)
{
    struct txn_image image = image_of("[" YES(1) "," READ(2) "," NOTHING(3) "]");
    image.decision = TXN_ABORT;
    image.failure = SPAN("{\"cause\":\"refused\",\"branch\":3,\"reason\":\"no \\\"money\\\"\"}");
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; send 3 abort; reply decided");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_REFUSED);
    ck_assert(span_is(rig->branches[2].reason, "no \"money\""));
    rig_free(rig);
}
END_TEST

/* What was never asked is not told to have read, committed or been done, by any later memory. */
START_TEST(a_skipped_step_is_skipped_for_every_later_memory)
{
    static const enum txn_decision decisions[] = {TXN_COMMIT, TXN_ABORT};
    for (size_t i = 0; i < 2; i++) {
        struct txn_image image = image_of("[" YES(1) "," SKIPPED(2) "]");
        image.decision = decisions[i];
        const char *trace;
        struct rig *rig = rig_recover(&image, &trace);
        ck_assert_str_eq(trace,
                         i == 0 ? "send 1 commit; reply decided" : "send 1 abort; reply decided");
        ck_assert_int_eq(rig->branches[1].state, TXN_BRANCH_SKIPPED);
        BUFFER_SCOPED struct buffer text = {0};
        rig_done(rig, 1, i == 0 ? OP_COMMIT : OP_ABORT,
                 i == 0 ? BRANCH_IS_COMMITTED : BRANCH_IS_ABORTED);
        buffer_append_span(&text, rig_record(rig, TXN_RECORD_END)->steps);
        ck_assert_ptr_nonnull(strstr(buffer_text(&text), "\"state\":\"skipped\""));
        rig_free(rig);
    }
}
END_TEST

START_TEST(a_skipped_delegated_step_is_skipped_for_every_later_memory)
{
    struct txn_image image = image_of("[" SKIPPED(1) "]");
    image.delegated_branch = 1;
    image.decision = TXN_COMMIT;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "reply decided; reply completed; persist end commit committed; ended");
    ck_assert_int_eq(rig->branches[0].state, TXN_BRANCH_SKIPPED);
    rig_free(rig);
}
END_TEST

START_TEST(a_skipped_step_of_an_undecided_attempt_is_looked_at_again)
{
    struct txn_image image = image_of("[" YES(1) "," SKIPPED(2) "]");
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_int_ne(rig->branches[1].state, TXN_BRANCH_SKIPPED);
    rig_free(rig);
}
END_TEST

START_TEST(a_delegated_branch_is_asked)
{
    struct txn_image image = image_of("[" NOTHING(1) "]");
    image.delegated_branch = 1;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 execute");
    /* what is left of the whole timeout: 10 s less the 4 s that are gone */
    ck_assert_uint_eq(txn_wake_at(&rig->txn).us, rig->now.mono.us + 6000000);
    ck_assert_str_eq(rig_wake(rig), "send 1 abort");
    rig_free(rig);
}
END_TEST

START_TEST(a_delegated_branch_that_committed_hears_nothing)
{
    struct txn_image image = image_of("[" YES(1) "]");
    image.delegated_branch = 1;
    image.decision = TXN_COMMIT;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "reply decided; reply completed; persist end commit committed; ended");
    rig_free(rig);
}
END_TEST

START_TEST(a_delegated_branch_is_told_the_abort_again)
{
    struct txn_image image = image_of("[" NOTHING(1) "]");
    image.delegated_branch = 1;
    image.decision = TXN_ABORT;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; reply decided");
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_ABORTED),
                     "reply completed; persist end abort aborted; ended");
    rig_free(rig);
}
END_TEST

START_TEST(undecided_is_aborted_durably)
{
    struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]");
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; send 2 abort; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_RESTARTED);
    rig_free(rig);
    image.origin.interactive = true;
    image.origin.accepted = true;
    rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; send 2 abort; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

START_TEST(what_was_accepted_is_driven_again_as_a_new_attempt)
{
    struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]");
    image.origin.accepted = true;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort #1; send 2 abort #1; persist attempt abort!");
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT), "reserve 3");
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_ABORTED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 2), TXN_ANSWER_UNDECIDED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESERVED), "send 1 prepare"); /* in order */
    struct result old = {
        .op = OP_PREPARE, .branch = 1, .attempt = 1, .result = RESULT_VOTE, .vote = VOTE_YES};
    ck_assert_str_eq(rig_full_result(rig, &old, false), "");
    ck_assert_str_eq(rig_vote(rig, 1, VOTE_YES), "send 2 prepare");
    ck_assert_str_eq(rig_vote(rig, 2, VOTE_YES), "persist decision commit committed #2!");
    rig_free(rig);
}
END_TEST

START_TEST(in_a_later_attempt_everybody_is_told_abort)
{
    struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]");
    image.origin.accepted = true;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), ""); /* nothing may leave yet */
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_ATTEMPT),
                     "send 1 abort; send 2 abort; persist decision abort aborted #2!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_CANCELLED);
    rig_free(rig);
}
END_TEST

START_TEST(what_was_accepted_too_long_ago_is_aborted)
{
    struct txn_image image = image_of("[" NOTHING(1) "," NOTHING(2) "]");
    image.origin.accepted = true;
    image.origin.began_at.us -= 3600000000;
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort; send 2 abort; persist decision abort aborted!");
    ck_assert_int_eq(rig->txn.cause, TXN_CAUSE_TIMEOUT);
    rig_free(rig);
    image.origin.began_at.us += 2 * UINT64_C(3600000000); /* the clock went back */
    rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort #1; send 2 abort #1; persist attempt abort!");
    rig_free(rig);
}
END_TEST

START_TEST(a_damaged_image_is_refused)
{
    static const char *const damaged[] = {
        "",
        "{}",
        "[1]",
        "[{\"branch\":0}]",
        "[" YES(1) "," YES(1) "]",
        "[" YES(1),
        "[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true,"
        "\"vote\":\"maybe\"}]",
        "[{\"branch\":1,\"participant\":7,\"operation\":\"o\",\"inquires\":true}]",
        "[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\"}]",
        "[{\"branch\":1.5,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true}]",
        "[" NOTHING(1) "]", /* nobody commits without a vote */
    };
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct txn_image image = image_of(damaged[i]);
        image.decision = TXN_COMMIT;
        struct rig *rig = rig_new(0);
        ck_assert_int_eq(txn_recover(&rig->txn, &image, &rig->policy, 2, 1, rig->branches,
                                     TROTH_BRANCHES_MAX, &rig->memory, rig->now),
                         TROTH_ERROR_SYNTAX);
        rig_free(rig);
    }
}
END_TEST

START_TEST(an_image_with_more_members_than_room_is_refused)
{
    struct txn_image image = image_of("[" YES(1) "," YES(2) "]");
    struct rig *rig = rig_new(0);
    uint32_t count = 0;
    ck_assert_int_eq(txn_image_members(&image, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(txn_recover(&rig->txn, &image, &rig->policy, 2, 1, rig->branches, 1,
                                 &rig->memory, rig->now),
                     TROTH_ERROR_FULL);
    rig_free(rig);
}
END_TEST

/* An output as deep as any that is taken in can be loaded from the record that it is kept in. */
START_TEST(the_deepest_output_is_loaded)
{
    static char steps[256 + 2 * JSON_DEPTH_MAX];
    char deep[2 * JSON_DEPTH_MAX + 1] = {0};
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    snprintf(steps, sizeof(steps),
             "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1,\"output\":%s}]", deep);
    struct txn_image image = {.attempt = 1, .protocol = TXN_PROTOCOL_SAGA};
    image.origin.mode = TXN_MODE_SAGA;
    image.members = (struct troth_span){rig_members(2, 0), strlen(rig_members(2, 0))};
    image.steps = (struct troth_span){steps, strlen(steps)};
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cc", &trace);
    ck_assert(span_is(rig->branches[0].output, deep));
    ck_assert_str_eq(trace, "persist step 2 trying!");
    rig_free(rig);
}
END_TEST

TCase *recover_tests(void)
{
    TCase *tests = tcase_create("recover");
    tcase_add_test(tests, the_deepest_output_is_loaded);
    tcase_add_test(tests, a_decided_commit_goes_on_with_phase_two);
    tcase_add_test(tests, a_decided_abort_goes_on_aborting);
    tcase_add_test(tests, a_skipped_step_is_skipped_for_every_later_memory);
    tcase_add_test(tests, a_skipped_delegated_step_is_skipped_for_every_later_memory);
    tcase_add_test(tests, a_skipped_step_of_an_undecided_attempt_is_looked_at_again);
    tcase_add_test(tests, a_delegated_branch_is_asked);
    tcase_add_test(tests, a_delegated_branch_that_committed_hears_nothing);
    tcase_add_test(tests, a_delegated_branch_is_told_the_abort_again);
    tcase_add_test(tests, undecided_is_aborted_durably);
    tcase_add_test(tests, what_was_accepted_is_driven_again_as_a_new_attempt);
    tcase_add_test(tests, in_a_later_attempt_everybody_is_told_abort);
    tcase_add_test(tests, what_was_accepted_too_long_ago_is_aborted);
    tcase_add_test(tests, a_damaged_image_is_refused);
    tcase_add_test(tests, an_image_with_more_members_than_room_is_refused);
    return tests;
}
