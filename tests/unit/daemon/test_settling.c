/* An operator's word, as the driver takes it: he is told when it is durable, and what is wrong with
 * it at once. */
#include <string.h>

#include <driver.h>
#include <state.h>

#include "rig.h"
#include "suites.h"

#define TRANSFER                                                                                   \
    "{'name':'transfer','version':1,'mode':'2pc','steps':["                                        \
    "{'name':'debit','participant':'bank_a','operation':'debit'},"                                 \
    "{'name':'credit','participant':'bank_b','operation':'credit'}]}"

static struct rig_told client, told, other;

/* Decided commit; branch 1 has acknowledged, branch 2 has not. */
static void set_up(void)
{
    rig_up();
    rig_lead();
    rig_participant("bank_a", "batch");
    rig_participant("bank_b", "http");
    rig_define(TRANSFER);
    memset(&client, 0, sizeof client);
    memset(&told, 0, sizeof told);
    memset(&other, 0, sizeof other);
    rig_submit("transfer", "{}", NULL, API_REPLY_COMPLETED, &client);
    rig_turn();
    rig_durable();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    ck_assert_uint_eq(client.times, 0);
}

static troth_gtid the_gtid(void)
{
    return rig_sent(OP_COMMIT, 2)->gtid;
}

static void resolve(uint32_t branch, enum txn_word as, bool force, struct rig_told *ret_told)
{
    troth_gtid gtid = the_gtid();
    struct api_word word = {.branch = branch,
                            .as = as,
                            .force = force,
                            .by = {"alice", 5},
                            .reason = {"ticket 4711", 11}};
    rig.host.resolve(rig.host.ctx, &gtid, &word, rig_tell, ret_told);
    rig_turn();
}

static void forget(bool force, struct rig_told *ret_told)
{
    troth_gtid gtid = the_gtid();
    struct api_word word = {.force = force, .by = {"bob", 3}, .reason = {"scrapped", 8}};
    rig.host.forget(rig.host.ctx, &gtid, &word, rig_tell, ret_told);
    rig_turn();
}

START_TEST(he_is_told_when_it_is_durable)
{
    /* And so is the client: every branch has ended. Who says the same meanwhile waits with him. */
    resolve(0, TXN_WORD_COMMITTED, false, &told);
    resolve(2, TXN_WORD_COMMITTED, false, &other);
    ck_assert_uint_eq(told.times + other.times + client.times, 0);
    ck_assert(rig_written(TXN_RECORD_STEP)->forced);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&client, TXN_OUTCOME_COMMITTED);
    memset(&told, 0, sizeof told);
    resolve(0, TXN_WORD_COMMITTED, false, &told); /* behind it: at once */
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(another_word_is_refused)
{
    resolve(2, TXN_WORD_COMMITTED, false, &told);
    resolve(2, TXN_WORD_ABORTED, true, &other);
    rig_told_problem(&other, "wrong-state", "a word is said once");
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(its_own_answer_overrules_him)
{
    /* He forced "aborted", and the branch says committed before that is durable. */
    resolve(2, TXN_WORD_ABORTED, true, &told);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    rig_told_problem(&told, "wrong-state", "Its own answer stands");
    rig_told_outcome(&client, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(what_is_unsafe_says_what_to_look_at)
{
    resolve(2, TXN_WORD_ABORTED, false, &told);
    rig_told_problem(&told, "unsafe", "mixed for ever");
    resolve(2, TXN_WORD_COMMITTED, false, &other);
    rig_durable();
    memset(&told, 0, sizeof told);
    forget(false, &told); /* bank_b speaks http */
    rig_told_problem(&told, "unsafe", "cannot ask");
}
END_TEST

START_TEST(forgetting_is_durable_before_it_is_told)
{
    forget(true, &told);
    rig_told_problem(&told, "wrong-state", "resolve first");
    resolve(2, TXN_WORD_COMMITTED, false, &other);
    rig_durable();
    memset(&told, 0, sizeof told);
    forget(true, &told);
    ck_assert_uint_eq(told.times, 0);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(when_the_node_stops_he_is_told_that_it_is_not_known)
{
    resolve(2, TXN_WORD_COMMITTED, false, &told);
    rig_stop();
    rig_told_problem(&told, "outcome-unknown", "say the same again");
}
END_TEST

Suite *suite_settling(void)
{
    Suite *suite = suite_create("settling");
    TCase *tests = tcase_create("settling");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, he_is_told_when_it_is_durable);
    tcase_add_test(tests, another_word_is_refused);
    tcase_add_test(tests, its_own_answer_overrules_him);
    tcase_add_test(tests, what_is_unsafe_says_what_to_look_at);
    tcase_add_test(tests, forgetting_is_durable_before_it_is_told);
    tcase_add_test(tests, when_the_node_stops_he_is_told_that_it_is_not_known);
    suite_add_tcase(suite, tests);
    return suite;
}
