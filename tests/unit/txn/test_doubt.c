#include <txn/resolve.h>

#include "rig.h"
#include "tests.h"

#define MEMBER(n)                                                                                  \
    "{\"branch\":" #n ",\"name\":\"s\",\"participant\":\"bank_" #n                                 \
    "\",\"operation\":\"debit\",\"inquires\":true}"

static const char *say(struct rig *rig, uint32_t branch, enum message_state state)
{
    return rig_done(rig, branch, OP_STATUS, state);
}

START_TEST(a_branch_that_has_committed_proves_the_commit)
{
    struct rig *rig = rig_doubtful();
    ck_assert_str_eq(say(rig, 1, BRANCH_IS_COMMITTED), "");
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_PREPARED), "persist decision commit committed!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "send 1 commit; send 2 commit; reply decided; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(who_holds_nothing_has_only_read)
{
    struct rig *rig = rig_doubtful();
    say(rig, 2, BRANCH_IS_UNKNOWN);
    ck_assert_str_eq(say(rig, 1, BRANCH_IS_COMMITTED), "persist decision commit committed!");
    ck_assert_int_eq(rig->branches[1].vote, VOTE_READ_ONLY);
    rig_free(rig);
}
END_TEST

START_TEST(a_tombstone_proves_the_abort_where_nobody_holds_anything)
{
    struct rig *rig = rig_doubtful();
    say(rig, 1, BRANCH_IS_UNKNOWN);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_ABORTED),
                     "send 1 abort; send 2 abort; persist decision abort aborted!");
    rig_free(rig);
    rig = rig_doubtful(); /* a later attempt may be what is prepared */
    say(rig, 1, BRANCH_IS_PREPARED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_ABORTED), "");
    ck_assert(txn_parked(&rig->txn));
    rig_free(rig);
}
END_TEST

START_TEST(what_nobody_knows_is_parked_and_no_client_ends_it)
{
    struct rig *rig = rig_doubtful();
    say(rig, 1, BRANCH_IS_PREPARED);
    ck_assert(!txn_parked(&rig->txn));
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_PREPARED), "");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_CANCELLED), "");
    ck_assert_str_eq(rig_after(rig, 3600000000u), "");
    ck_assert_int_eq(txn_inquire(&rig->txn, 1, 1), TXN_ANSWER_UNDECIDED);
    ck_assert_int_eq(txn_inquire(&rig->txn, 9, 1), TXN_ANSWER_UNDECIDED);
    ck_assert_int_eq(txn_told(&rig->txn), TXN_TOLD_ACCEPTED);
    ck_assert_str_eq(rig_event(rig, TXN_EVENT_RESUMED), "send 1 status; send 2 status");
    rig_free(rig);
}
END_TEST

START_TEST(who_does_not_answer_is_asked_again)
{
    struct rig *rig = rig_doubtful();
    ck_assert_str_eq(rig_result(rig, 1, OP_STATUS, RESULT_UNKNOWN), "");
    ck_assert_str_eq(rig_wake(rig), "send 1 status");
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_ABORTED), "");
    ck_assert_str_eq(say(rig, 1, BRANCH_IS_ABORTED),
                     "send 1 abort; send 2 abort; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

static void resolve(struct rig *rig, uint32_t number, enum txn_word word)
{
    struct txn_event event = {.kind = TXN_EVENT_RESOLVED};
    event.of.resolve.number = number;
    event.of.resolve.word = word;
    event.of.resolve.said = SPAN("{}");
    ck_assert_str_eq(rig_step(rig, &event), word == TXN_WORD_COMMITTED ? "persist step 2 committed!"
                                                                       : "persist step 2 aborted!");
}

START_TEST(an_operators_word_about_a_branch_decides)
{
    for (enum txn_word word = TXN_WORD_COMMITTED; word <= TXN_WORD_ABORTED; word++) {
        struct rig *rig = rig_doubtful();
        say(rig, 1, BRANCH_IS_PREPARED);
        say(rig, 2, BRANCH_IS_PREPARED);
        resolve(rig, 2, word);
        ck_assert_str_eq(rig_durable(rig, TXN_RECORD_STEP),
                         word == TXN_WORD_COMMITTED
                             ? "reply resolved 2; persist decision commit committed!"
                             : "reply resolved 2; send 1 abort; send 2 abort; persist decision "
                               "abort aborted!");
        rig_free(rig);
    }
}
END_TEST

START_TEST(given_up_by_force_it_is_aborted)
{
    struct rig *rig = rig_doubtful();
    struct txn_event event = {.kind = TXN_EVENT_FORGOTTEN};
    event.of.resolve.said = SPAN("{}");
    ck_assert_int_eq(txn_forget_check(&rig->txn, false), TXN_FORGET_DOUBTFUL);
    ck_assert_str_eq(rig_step(rig, &event), "");
    event.of.resolve.force = true;
    ck_assert_str_eq(rig_step(rig, &event),
                     "send 1 abort; send 2 abort; persist decision abort aborted!");
    ck_assert_str_eq(rig_durable(rig, TXN_RECORD_DECISION),
                     "reply resolved; reply decided; publish decision");
    rig_free(rig);
}
END_TEST

START_TEST(a_delegated_branch_is_revoked)
{
    struct txn_image image = {.attempt = 1, .doubtful = true, .delegated_branch = 1};
    image.members = SPAN("[" MEMBER(1) "]");
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 abort");
    ck_assert_str_eq(rig_done(rig, 1, OP_ABORT, BRANCH_IS_COMMITTED),
                     "persist decision commit committed!");
    rig_free(rig);
}
END_TEST

/* Branches may have enlisted that no row names. */
START_TEST(an_interactive_one_only_aborts)
{
    struct txn_image image = {.attempt = 1, .doubtful = true};
    image.origin.interactive = true;
    image.members = SPAN("[" MEMBER(1) "," MEMBER(2) "]");
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    say(rig, 1, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_PREPARED), "");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_int_eq(txn_resolve_check(&rig->txn, 2, TXN_WORD_COMMITTED, true),
                     TXN_RESOLVE_WRONG_WORD);
    rig_free(rig);
    rig = rig_recover(&image, &trace);
    say(rig, 1, BRANCH_IS_ABORTED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_PREPARED),
                     "send 1 abort; send 2 abort; persist decision abort aborted!");
    rig_free(rig);
}
END_TEST

static struct rig *doubtful_saga(const char *kinds)
{
    struct txn_image image = {.attempt = 1, .doubtful = true, .protocol = TXN_PROTOCOL_SAGA};
    image.origin.mode = TXN_MODE_SAGA;
    const char *members = rig_members((uint32_t)strlen(kinds), 0);
    image.members = (struct troth_span){members, strlen(members)};
    const char *trace;
    return rig_recover_saga(&image, kinds, &trace);
}

START_TEST(a_saga_of_which_a_step_is_not_done_turns)
{
    struct rig *rig = doubtful_saga("cc");
    say(rig, 1, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_UNKNOWN), "persist decision abort!");
    rig_free(rig);
    rig = doubtful_saga("cc");
    say(rig, 1, BRANCH_IS_COMPENSATED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_COMMITTED), "persist decision abort!");
    rig_free(rig);
}
END_TEST

START_TEST(a_step_that_may_have_been_skipped_proves_nothing)
{
    struct rig *rig = doubtful_saga("cc");
    rig->branches[1].conditional = true;
    say(rig, 1, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_UNKNOWN), "");
    ck_assert(txn_parked(&rig->txn));
    rig_free(rig);
}
END_TEST

START_TEST(a_saga_of_which_all_is_done_waits_for_an_operator)
{
    struct rig *rig = doubtful_saga("cc");
    say(rig, 1, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(say(rig, 2, BRANCH_IS_COMMITTED), "");
    ck_assert(txn_parked(&rig->txn));
    ck_assert_str_eq(
        rig_event(rig, TXN_EVENT_RESUMED),
        "persist step 1 done; persist step 2 done; persist decision commit committed!");
    rig_free(rig);
}
END_TEST

START_TEST(a_pivot_that_is_done_goes_forward)
{
    struct rig *rig = doubtful_saga("cpr");
    say(rig, 1, BRANCH_IS_COMMITTED);
    say(rig, 2, BRANCH_IS_COMMITTED);
    ck_assert_str_eq(say(rig, 3, BRANCH_IS_UNKNOWN),
                     "persist step 1 done; persist step 2 done; send 3 execute");
    rig_free(rig);
}
END_TEST

START_TEST(what_may_have_fallen_back_is_parked_at_once)
{
    struct txn_image image = {.attempt = 1, .doubtful = true};
    image.origin.mode = TXN_MODE_2PC_THEN_SAGA;
    image.members = SPAN("[" MEMBER(1) "," MEMBER(2) "]");
    const char *trace;
    struct rig *rig = rig_recover_saga(&image, "cc", &trace);
    ck_assert_str_eq(trace, "");
    ck_assert(txn_parked(&rig->txn));
    rig_free(rig);
}
END_TEST

TCase *doubt_tests(void)
{
    TCase *tests = tcase_create("doubt");
    tcase_add_test(tests, a_branch_that_has_committed_proves_the_commit);
    tcase_add_test(tests, who_holds_nothing_has_only_read);
    tcase_add_test(tests, a_tombstone_proves_the_abort_where_nobody_holds_anything);
    tcase_add_test(tests, what_nobody_knows_is_parked_and_no_client_ends_it);
    tcase_add_test(tests, who_does_not_answer_is_asked_again);
    tcase_add_test(tests, an_operators_word_about_a_branch_decides);
    tcase_add_test(tests, given_up_by_force_it_is_aborted);
    tcase_add_test(tests, a_delegated_branch_is_revoked);
    tcase_add_test(tests, an_interactive_one_only_aborts);
    tcase_add_test(tests, a_saga_of_which_a_step_is_not_done_turns);
    tcase_add_test(tests, a_saga_of_which_all_is_done_waits_for_an_operator);
    tcase_add_test(tests, a_step_that_may_have_been_skipped_proves_nothing);
    tcase_add_test(tests, a_pivot_that_is_done_goes_forward);
    tcase_add_test(tests, what_may_have_fallen_back_is_parked_at_once);
    return tests;
}
