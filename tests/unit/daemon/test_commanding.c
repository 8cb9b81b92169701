/* What clients and operators command: enlist, commit, abort, retry; and the registry, in which a
 * change is in force when it is durable. */
#include <string.h>

#include <driver.h>
#include <state.h>

#include "rig.h"
#include "suites.h"

#define TRANSFER                                                                                   \
    "{'name':'transfer','version':1,'mode':'2pc','steps':["                                        \
    "{'name':'debit','participant':'bank_a','operation':'debit'},"                                 \
    "{'name':'credit','participant':'bank_b','operation':'credit'}]}"
#define ORDER                                                                                      \
    "{'name':'order','version':1,'mode':'saga',"                                                   \
    "'retries':{'once':{'interval':'1s','max_attempts':1}},'steps':["                              \
    "{'name':'take','participant':'bank_a','operation':'take',"                                    \
    "'compensate':{'operation':'put','retry':'once'}},"                                            \
    "{'name':'pay','participant':'bank_b','operation':'pay','compensate':{'operation':'undo'}}]}"

static struct rig_told told, other;

static void set_up(void)
{
    rig_up();
    rig_lead();
    rig_participant("bank_a", "batch");
    rig_participant("bank_b", "http");
    rig_define(TRANSFER);
    rig_define(ORDER);
    memset(&told, 0, sizeof told);
    memset(&other, 0, sizeof other);
}

/* Its begin is forced, for bank_b cannot ask later; then its prepares are out. */
static void begin_transfer(void)
{
    rig_submit("transfer", "{}", NULL, API_REPLY_COMPLETED, &other);
    rig_turn();
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    rig_durable();
    ck_assert_ptr_nonnull(rig_sent(OP_PREPARE, 1));
}

/* --- interactive -------------------------------------------------------------------------------
 */

static troth_gtid opened(void)
{
    struct rig_told opening = {0};
    rig_submit(NULL, NULL, NULL, API_REPLY_COMPLETED, &opening);
    rig_told_outcome(&opening, TXN_OUTCOME_NONE);
    ck_assert_str_eq(opening.state, "open");
    return opening.gtid;
}

static void enlist(const troth_gtid *gtid, uint32_t branch, const char *participant, bool prepared,
                   struct rig_told *ret_told)
{
    struct api_enlist enlist = {
        .branch = branch, .participant = participant, .operation = "work", .prepared = prepared};
    memset(ret_told, 0, sizeof *ret_told);
    rig.host.enlist(rig.host.ctx, gtid, &enlist, rig_tell, ret_told);
    rig_turn();
}

static void commit(const troth_gtid *gtid, uint32_t first, uint32_t second,
                   struct rig_told *ret_told)
{
    const uint32_t branches[] = {first, second};
    memset(ret_told, 0, sizeof *ret_told);
    rig.host.commit(rig.host.ctx, gtid, branches, second != 0 ? 2 : 1, API_REPLY_COMPLETED, 0,
                    rig_tell, ret_told);
    rig_turn();
}

START_TEST(services_enlist_and_the_client_commits)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_a", true, &told);
    rig_told_outcome(&told, TXN_OUTCOME_NONE); /* it can ask later: at once */
    enlist(&gtid, 2, "bank_a", false, &told);
    commit(&gtid, 1, 2, &told);
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1)); /* that was its vote */
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(who_can_not_ask_later_is_acknowledged_by_its_row_alone)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_b", true, &told);
    ck_assert_uint_eq(told.times, 0);
    ck_assert(rig_written(TXN_RECORD_BEGIN)->forced);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_NONE);
}
END_TEST

START_TEST(a_commit_that_names_whom_nobody_enlisted_aborts)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_a", true, &told);
    commit(&gtid, 1, 2, &told);
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    ck_assert_msg(strstr(told.failure, "not_enlisted") != NULL, "%s", told.failure);
}
END_TEST

START_TEST(a_commit_said_again_gets_the_same_answer_and_with_other_branches_none)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_a", true, &told);
    commit(&gtid, 1, 0, &told);
    commit(&gtid, 1, 0, &other);
    struct rig_told differs;
    commit(&gtid, 1, 2, &differs);
    rig_told_problem(&differs, "commit-differs", "names branch 2");
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
}
END_TEST

/* The rows of an interactive transaction that has ended. */
static void row_said(const troth_gtid *gtid, enum txn_decision decision, enum txn_outcome outcome)
{
    static const char members[] =
        "[{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"work\",\"inquires\":true,"
        "\"vote\":\"yes\",\"named\":true}]";
    struct journal_row row = {.state = {"ended", 5},
                              .ended_at = {1700000000000000},
                              .image = {.attempt = 1,
                                        .decision = decision,
                                        .outcome = outcome,
                                        .members = {members, sizeof members - 1}}};
    row.image.origin.gtid = *gtid;
    row.image.origin.interactive = true;
    struct rig_question question = *rig_asked(RIG_GET);
    rig_asked(RIG_GET)->answered = true;
    question.fn.row(question.arg, 0, &row);
}

START_TEST(what_is_said_again_behind_the_end_is_answered_from_the_journal)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 9};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    commit(&gtid, 1, 0, &told);
    row_said(&gtid, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    commit(&gtid, 1, 2, &told);
    row_said(&gtid, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    rig_told_problem(&told, "commit-differs", "names branch 2");
    enlist(&gtid, 1, "bank_a", true, &told);
    row_said(&gtid, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED); /* its acknowledgement was lost */
    enlist(&gtid, 2, "bank_a", true, &told);
    row_said(&gtid, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    rig_told_problem(&told, "ended", "committed");
    memset(&told, 0, sizeof told);
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &told);
    row_said(&gtid, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    rig_told_problem(&told, "ended", "committed");
    memset(&told, 0, sizeof told);
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &told);
    row_said(&gtid, TXN_ABORT, TXN_OUTCOME_ABORTED);
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
}
END_TEST

/* While it slept another node may have led, and begun that: not even an operator is to look. */
START_TEST(who_slept_through_its_lease_says_nothing_final_of_what_is_open)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 9};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    commit(&gtid, 1, 0, &told);
    rig.leads = false;
    row_said(&gtid, TXN_UNDECIDED, TXN_OUTCOME_NONE);
    rig_told_problem(&told, "unavailable", "is changing hands");
    rig.leads = true;
    commit(&gtid, 1, 0, &told);
    rig.epoch++; /* lost, and led again, before the answer came */
    row_said(&gtid, TXN_UNDECIDED, TXN_OUTCOME_NONE);
    rig_told_problem(&told, "unavailable", "is changing hands");
    commit(&gtid, 1, 0, &told);
    row_said(&gtid, TXN_UNDECIDED, TXN_OUTCOME_NONE);
    rig_told_problem(&told, "wrong-state", "an operator has to look at it");
}
END_TEST

START_TEST(who_comes_behind_the_commit_is_turned_away)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_a", false, &told);
    commit(&gtid, 1, 0, &told);
    enlist(&gtid, 2, "bank_a", true, &other);
    ck_assert_uint_eq(other.times, 1);
    ck_assert_int_ne(other.status, 0);
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 2));
}
END_TEST

START_TEST(an_enlistment_of_nobody_known_is_refused_by_name)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_c", true, &told);
    rig_told_problem(&told, "unknown-participant", "\"bank_c\" is not registered");
    rig.writable = false;
    enlist(&gtid, 1, "bank_a", true, &told);
    rig_told_problem(&told, "unavailable", "the journal takes no writes now");
}
END_TEST

START_TEST(a_client_that_never_comes_back_aborts_at_the_timeout)
{
    troth_gtid gtid = opened();
    enlist(&gtid, 1, "bank_a", true, &told);
    rig_advance(61000000);
    ck_assert_ptr_nonnull(rig_sent(OP_ABORT, 1));
}
END_TEST

START_TEST(a_transaction_of_a_definition_takes_no_branches_and_no_commit)
{
    begin_transfer();
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    enlist(&gtid, 3, "bank_a", true, &told);
    rig_told_problem(&told, "not-interactive", "from definition \"transfer\"");
    commit(&gtid, 1, 2, &told);
    rig_told_problem(&told, "not-interactive", "commits by itself");
}
END_TEST

/* --- abort and retry ---------------------------------------------------------------------------
 */

START_TEST(an_abort_before_the_decision_cancels)
{
    begin_transfer();
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &told);
    rig_turn();
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    rig_told_outcome(&other, TXN_OUTCOME_ABORTED);
    ck_assert_msg(strstr(told.failure, "cancelled") != NULL, "%s", told.failure);
}
END_TEST

START_TEST(an_abort_behind_the_decision_is_too_late)
{
    begin_transfer();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    troth_gtid gtid = rig_written(TXN_RECORD_DECISION)->gtid;
    rig_durable();
    rig.host.abort(rig.host.ctx, &gtid, 0, rig_tell, &told);
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_eq(told.status, 409);
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
}
END_TEST

START_TEST(a_refused_commit_is_parked_until_an_operator_says_again)
{
    begin_transfer();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    troth_gtid gtid = rig_sent(OP_COMMIT, 1)->gtid;
    rig_done(OP_COMMIT, 2, NULL);
    rig_refused(OP_COMMIT, 1, "not today");
    rig_advance(UINT64_C(600000000));
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1)); /* a refusal is not asked again by itself */
    rig.host.retry(rig.host.ctx, &gtid, rig_tell, &told);
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    rig_durable();
    rig_turn();
    ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 1));
    ck_assert_uint_ne(rig_sent(OP_COMMIT, 1)->again, 0); /* under another key */
    rig_done(OP_COMMIT, 1, NULL);
    rig_durable();
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

START_TEST(a_compensation_whose_tries_are_spent_is_parked_and_shown_and_tried_again)
{
    rig_submit("order", "{}", NULL, API_REPLY_COMPLETED, &other);
    rig_turn();
    rig_durable();
    troth_gtid gtid = rig_sent(OP_EXECUTE, 1)->gtid;
    rig_done(OP_EXECUTE, 1, NULL);
    rig_durable();
    rig_refused(OP_EXECUTE, 2, "no");
    rig_durable();
    rig_answer(OP_COMPENSATE, 1, (struct result){.result = RESULT_UNKNOWN});
    rig_durable();
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &told);
    ck_assert_msg(strstr(told.steps, "\"parked\"") != NULL, "%s", told.steps);
    memset(&told, 0, sizeof told);
    rig.host.retry(rig.host.ctx, &gtid, rig_tell, &told);
    rig_durable();
    rig_turn();
    rig_done(OP_COMPENSATE, 1, NULL);
    rig_durable();
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

START_TEST(where_nothing_is_parked_there_is_nothing_to_try_again)
{
    begin_transfer();
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    rig.host.retry(rig.host.ctx, &gtid, rig_tell, &told);
    rig_told_problem(&told, "wrong-state", "none of its steps is parked");
}
END_TEST

/* --- the registry ------------------------------------------------------------------------------
 */

static void put(const char *quoted, struct rig_told *ret_told)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer text = {0};
    for (; *quoted != '\0'; quoted++)
        buffer_append_char(&text, *quoted == '\'' ? '"' : *quoted);
    ck_assert_int_eq(definition_parse(buffer_span(&text), &faults, &definition), 0);
    faults_finish(&faults);
    buffer_finish(&text);
    memset(ret_told, 0, sizeof *ret_told);
    rig.host.definition_put(rig.host.ctx, definition, rig_tell_done, ret_told);
}

#define LATER                                                                                      \
    "{'name':'later','version':2,'mode':'2pc','steps':[{'name':'a','participant':'bank_a',"        \
    "'operation':'o'}]}"
#define OTHER                                                                                      \
    "{'name':'later','version':2,'mode':'2pc','steps':[{'name':'b','participant':'bank_a',"        \
    "'operation':'o'}]}"

START_TEST(a_definition_is_in_force_when_it_is_durable)
{
    put(LATER, &told);
    ck_assert_str_eq(rig_asked(RIG_PUT)->text, "later");
    ck_assert_uint_eq(rig_asked(RIG_PUT)->version, 2);
    ck_assert_ptr_null(rig.host.definition(rig.host.ctx, "later", 2));
    ck_assert_uint_eq(told.times, 0);
    rig_changed(RIG_PUT, 0);
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_eq(told.status, 0);
    ck_assert_ptr_nonnull(rig.host.definition(rig.host.ctx, "later", 0));
}
END_TEST

START_TEST(the_same_again_is_done_already_and_another_is_refused)
{
    put(LATER, &told);
    rig_changed(RIG_PUT, 0);
    put(LATER, &told);
    ck_assert(!rig_is_asked(RIG_PUT));
    ck_assert(told.times == 1 && told.status == 0);
    put(OTHER, &told);
    rig_told_problem(&told, "version-published", "raise \"version\"");
}
END_TEST

START_TEST(two_at_a_time_are_one_and_what_the_journal_has_holds)
{
    put(LATER, &other);
    put(OTHER, &told);
    rig_changed(RIG_PUT, 0);
    rig_changed(RIG_PUT, TROTH_ERROR_EXISTS);
    ck_assert(other.times == 1 && other.status == 0);
    rig_told_problem(&told, "version-published", "later");
    ck_assert_str_eq(rig.host.definition(rig.host.ctx, "later", 2)->steps[0].name, "a");
}
END_TEST

START_TEST(a_change_whose_answer_is_lost_says_so_and_the_registry_is_read_again)
{
    put(LATER, &told);
    rig_changed(RIG_PUT, TROTH_ERROR_LOST);
    rig_told_problem(&told, "unavailable", "may be done or not");
    ck_assert(rig_is_asked(RIG_LOAD));
    put(OTHER, &told);
    rig_changed(RIG_PUT, TROTH_ERROR_UNAVAILABLE);
    rig_told_problem(&told, "unavailable", "did not take it");
}
END_TEST

START_TEST(a_deleted_definition_stays_for_what_runs_it_and_is_forgotten_then)
{
    struct rig_told deleted = {0};
    begin_transfer();
    rig.host.definition_delete(rig.host.ctx, "transfer", 1, rig_tell_done, &deleted);
    ck_assert_ptr_nonnull(rig.host.definition(rig.host.ctx, "transfer", 1));
    rig_changed(RIG_DELETE, 0);
    ck_assert(deleted.times == 1 && deleted.status == 0);
    ck_assert_ptr_null(rig.host.definition(rig.host.ctx, "transfer", 1));
    ck_assert(!rig_is_asked(RIG_FORGET));
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
    ck_assert_str_eq(rig_asked(RIG_FORGET)->text, "transfer");
    rig_changed(RIG_FORGET, 0);
}
END_TEST

START_TEST(a_definition_that_is_not_there_is_not_deleted)
{
    rig.host.definition_delete(rig.host.ctx, "transfer", 7, rig_tell_done, &told);
    rig_told_problem(&told, "unknown-definition", "of version 7");
    ck_assert(!rig_is_asked(RIG_DELETE));
}
END_TEST

START_TEST(a_participant_that_a_definition_names_is_removed_only_by_force)
{
    rig.host.participant_delete(rig.host.ctx, "bank_a", false, rig_tell_done, &told);
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_eq(told.status, 409);
    ck_assert_msg(strstr(told.detail, "transfer") != NULL || strstr(told.detail, "order") != NULL,
                  "%s", told.detail);
    memset(&told, 0, sizeof told);
    rig.host.participant_delete(rig.host.ctx, "bank_a", true, rig_tell_done, &told);
    rig_changed(RIG_DELETE, 0);
    ck_assert_msg(told.times == 1 && told.status == 0, "%s", told.detail);
    rig_submit("transfer", "{}", NULL, API_REPLY_COMPLETED, &other);
    rig_told_problem(&other, "unknown-participant", "bank_a");
}
END_TEST

START_TEST(names_come_in_their_order_whatever_is_between)
{
    struct api_participant participant;
    const struct definition *definition = rig.host.definition_behind(rig.host.ctx, "", 0);
    ck_assert_str_eq(definition->name, "order");
    definition = rig.host.definition_behind(rig.host.ctx, "order", 1);
    ck_assert_str_eq(definition->name, "transfer");
    ck_assert_ptr_null(rig.host.definition_behind(rig.host.ctx, "transfer", 1));
    ck_assert(rig.host.participant_behind(rig.host.ctx, "", &participant));
    ck_assert_str_eq(participant.name, "bank_a");
    ck_assert(rig.host.participant_behind(rig.host.ctx, "bank_aa", &participant));
    ck_assert_str_eq(participant.name, "bank_b");
    ck_assert(!rig.host.participant_behind(rig.host.ctx, "bank_b", &participant));
}
END_TEST

Suite *suite_commanding(void)
{
    Suite *suite = suite_create("commanding");
    TCase *tests = tcase_create("commanding");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, services_enlist_and_the_client_commits);
    tcase_add_test(tests, who_can_not_ask_later_is_acknowledged_by_its_row_alone);
    tcase_add_test(tests, a_commit_that_names_whom_nobody_enlisted_aborts);
    tcase_add_test(tests, a_commit_said_again_gets_the_same_answer_and_with_other_branches_none);
    tcase_add_test(tests, what_is_said_again_behind_the_end_is_answered_from_the_journal);
    tcase_add_test(tests, who_slept_through_its_lease_says_nothing_final_of_what_is_open);
    tcase_add_test(tests, who_comes_behind_the_commit_is_turned_away);
    tcase_add_test(tests, an_enlistment_of_nobody_known_is_refused_by_name);
    tcase_add_test(tests, a_client_that_never_comes_back_aborts_at_the_timeout);
    tcase_add_test(tests, a_transaction_of_a_definition_takes_no_branches_and_no_commit);
    tcase_add_test(tests, an_abort_before_the_decision_cancels);
    tcase_add_test(tests, an_abort_behind_the_decision_is_too_late);
    tcase_add_test(tests, a_refused_commit_is_parked_until_an_operator_says_again);
    tcase_add_test(tests, a_compensation_whose_tries_are_spent_is_parked_and_shown_and_tried_again);
    tcase_add_test(tests, where_nothing_is_parked_there_is_nothing_to_try_again);
    tcase_add_test(tests, a_definition_is_in_force_when_it_is_durable);
    tcase_add_test(tests, the_same_again_is_done_already_and_another_is_refused);
    tcase_add_test(tests, two_at_a_time_are_one_and_what_the_journal_has_holds);
    tcase_add_test(tests, a_change_whose_answer_is_lost_says_so_and_the_registry_is_read_again);
    tcase_add_test(tests, a_deleted_definition_stays_for_what_runs_it_and_is_forgotten_then);
    tcase_add_test(tests, a_definition_that_is_not_there_is_not_deleted);
    tcase_add_test(tests, a_participant_that_a_definition_names_is_removed_only_by_force);
    tcase_add_test(tests, names_come_in_their_order_whatever_is_between);
    suite_add_tcase(suite, tests);
    return suite;
}
