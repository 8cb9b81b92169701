/* Who may begin, who is told what under a key, and what is answered to whom only asks. */
#include <string.h>

#include <state.h>

#include "rig.h"
#include "suites.h"

#define TRANSFER                                                                                   \
    "{'name':'transfer','version':1,'mode':'2pc','steps':["                                        \
    "{'name':'debit','participant':'bank_a','operation':'debit'},"                                 \
    "{'name':'credit','participant':'bank_b','operation':'credit'}]}"

static struct rig_told told, other;

static void set_up(void)
{
    rig_up();
    rig_lead();
    rig_participant("bank_a", "batch");
    rig_participant("bank_b", "batch");
    rig_define(TRANSFER);
    memset(&told, 0, sizeof told);
    memset(&other, 0, sizeof other);
}

static void begin(void)
{
    rig_submit("transfer", "{\"n\":7}", NULL, API_REPLY_COMPLETED, &told);
    rig_turn();
}

static troth_gtid its_gtid(void)
{
    return rig_sent(OP_PREPARE, 1)->gtid;
}

static void ended(void)
{
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}

/* --- admission ---------------------------------------------------------------------------------
 */

START_TEST(nothing_begins_while_it_stops)
{
    driver_drain(rig.driver);
    begin();
    rig_told_problem(&told, "unavailable", "stopping");
    ck_assert_uint_eq(rig.writes_count, 0);
}
END_TEST

START_TEST(nothing_begins_while_the_journal_takes_no_writes)
{
    rig.writable = false;
    begin();
    rig_told_problem(&told, "unavailable", "the journal takes no writes now");
    rig.writable = true;
    memset(&told, 0, sizeof told);
    begin();
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

START_TEST(nothing_begins_while_too_many_records_wait)
{
    rig.config->journal_queue_rows_max = 1;
    rig_submit("transfer", "{}", NULL, API_REPLY_ACCEPTED, &other);
    rig_turn();
    ck_assert_uint_ge(rig_waiting(), 1);
    begin();
    rig_told_problem(&told, "full", "journal_queue_rows_max");
    rig_durable();
    memset(&told, 0, sizeof told);
    begin();
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

START_TEST(a_definition_whose_participant_is_gone_is_refused_by_its_name)
{
    rig_define("{'name':'lonely','version':1,'mode':'2pc','steps':[{'name':'a','participant':"
               "'nobody','operation':'o'}]}");
    rig_submit("lonely", "{}", NULL, API_REPLY_COMPLETED, &told);
    rig_told_problem(&told, "unknown-participant", "participant \"nobody\" is not registered");
}
END_TEST

START_TEST(without_the_journals_memory_the_process_ends_and_says_why)
{
    const char *why = NULL;
    rig.append_error = TROTH_ERROR_NO_MEMORY;
    begin();
    ck_assert(driver_failed(rig.driver, &why));
    ck_assert_str_eq(why, troth_error_text(TROTH_ERROR_NO_MEMORY));
}
END_TEST

/* --- the idempotency key -----------------------------------------------------------------------
 */

static void keyed(const char *input, struct rig_told *ret_told)
{
    rig_submit("transfer", input, "order-1", API_REPLY_COMPLETED, ret_told);
    rig_turn();
}

static void key_said(int error, const troth_gtid *gtid, const char *hash)
{
    struct rig_question question = *rig_asked(RIG_KEY);
    rig_asked(RIG_KEY)->answered = true;
    question.fn.key(question.arg, error, gtid, (struct troth_span){hash, strlen(hash)});
    rig_turn();
}

START_TEST(nothing_is_sent_before_the_journal_was_asked_for_the_key)
{
    keyed("{}", &told);
    ck_assert_str_eq(rig_asked(RIG_KEY)->text, "order-1");
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    key_said(TROTH_ERROR_NOT_FOUND, NULL, "");
    ck_assert_ptr_nonnull(rig_sent(OP_PREPARE, 1));
    ended();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert(told.fresh);
}
END_TEST

START_TEST(the_same_request_at_the_same_time_is_the_same_transaction)
{
    keyed("{}", &told);
    keyed("{}", &other);
    key_said(TROTH_ERROR_NOT_FOUND, NULL, "");
    ck_assert_uint_eq(driver_open(rig.driver), 1);
    ended();
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
    ck_assert(told.fresh && !other.fresh);
}
END_TEST

START_TEST(another_request_under_the_key_is_refused)
{
    keyed("{}", &told);
    keyed("{\"n\":1}", &other);
    rig_told_problem(&other, "idempotency-key-reused", "with another request");
    key_said(TROTH_ERROR_NOT_FOUND, NULL, "");
    ended();
}
END_TEST

START_TEST(a_key_of_an_earlier_transaction_shows_that_one)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1700000000000, .epoch = 1, .counter = 5};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    keyed("{}", &told);
    key_said(0, &gtid, "{}");
    ck_assert_uint_eq(driver_open(rig.driver), 0);
    struct journal_row row = {
        .state = {"ended", 5},
        .image = {.attempt = 1, .decision = TXN_COMMIT, .outcome = TXN_OUTCOME_COMMITTED}};
    row.image.origin.gtid = gtid;
    struct rig_question *question = rig_asked(RIG_GET);
    question->answered = true;
    question->fn.row(question->arg, 0, &row);
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert(!told.fresh && troth_gtid_equal(&told.gtid, &gtid));
}
END_TEST

START_TEST(a_key_of_an_earlier_transaction_with_another_request_is_refused)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1700000000000, .epoch = 1, .counter = 5};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    keyed("{}", &told);
    key_said(0, &gtid, "{\"n\":1}");
    rig_told_problem(&told, "idempotency-key-reused", "with another request");
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
}
END_TEST

START_TEST(a_key_that_can_not_be_looked_up_begins_nothing)
{
    keyed("{}", &told);
    key_said(TROTH_ERROR_UNAVAILABLE, NULL, "");
    rig_told_problem(&told, "unavailable", "cannot be asked for the idempotency key");
    ck_assert_uint_eq(rig.writes_count, 0);
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

/* --- who no longer leads -----------------------------------------------------------------------
 */

START_TEST(who_is_fenced_says_that_it_does_not_know)
{
    const char *why = NULL;
    begin();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig.callbacks.state(rig.driver, JOURNAL_FENCED, "somebody took over");
    ck_assert(driver_failed(rig.driver, &why));
    ck_assert_str_eq(why, "somebody took over");
    rig_stop();
    rig_told_problem(&told, "outcome-unknown", "another node leads now");
}
END_TEST

START_TEST(who_stops_says_nothing_was_done_only_of_what_was_never_begun)
{
    rig_submit("transfer", "{}", "order-1", API_REPLY_COMPLETED, &other);
    rig_turn(); /* its key is still looked up */
    begin();
    rig_stop();
    rig_told_problem(&other, "unavailable", "cannot be asked for the idempotency key");
    rig_told_problem(&told, "outcome-unknown", "");
}
END_TEST

START_TEST(whose_lease_is_over_is_silent_about_what_it_knows)
{
    begin();
    troth_gtid gtid = its_gtid();
    rig.leads = false;
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    rig_told_problem(&other, "outcome-unknown", "lease");
}
END_TEST

START_TEST(nobody_is_served_before_the_registry_is_there)
{
    rig_down();
    rig_up();
    ck_assert(!rig.host.serving(rig.host.ctx));
    rig.callbacks.state(rig.driver, JOURNAL_LEADING, "");
    rig_turn();
    ck_assert(!rig.host.serving(rig.host.ctx));
    rig_changed(RIG_LOAD, TROTH_ERROR_UNAVAILABLE); /* asked again later */
    rig_turn();
    ck_assert(!rig.host.serving(rig.host.ctx) && !rig_is_asked(RIG_LOAD));
}
END_TEST

/* --- one, and lists ----------------------------------------------------------------------------
 */

START_TEST(what_is_under_way_is_shown_from_memory)
{
    begin();
    troth_gtid gtid = its_gtid();
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    rig_told_outcome(&other, TXN_OUTCOME_NONE);
    ck_assert_str_eq(other.state, "preparing");
    ck_assert_msg(strstr(other.steps, "\"operation\":\"debit\"") != NULL, "%s", other.steps);
    ck_assert(!rig_is_asked(RIG_GET));
}
END_TEST

static void row_said(int error, const struct journal_row *row)
{
    struct rig_question question = *rig_asked(RIG_GET);
    rig_asked(RIG_GET)->answered = true;
    question.fn.row(question.arg, error, row);
}

START_TEST(what_has_ended_is_shown_from_the_journal)
{
    begin();
    troth_gtid gtid = its_gtid();
    ended();
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    struct journal_row row = {.state = {"ended", 5},
                              .ended_at = {1700000000000000},
                              .steps = {"[{\"branch\":1}]", 14},
                              .image = {.attempt = 1, .outcome = TXN_OUTCOME_COMMITTED}};
    row.image.origin.gtid = gtid;
    row_said(0, &row);
    rig_told_outcome(&other, TXN_OUTCOME_COMMITTED);
    ck_assert_str_eq(other.state, "ended");
    ck_assert_str_eq(other.steps, "[{\"branch\":1}]");
}
END_TEST

START_TEST(what_the_journal_has_no_row_of_is_not_there_and_else_nothing_is_said_of_it)
{
    begin();
    troth_gtid gtid = its_gtid();
    ended();
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    row_said(TROTH_ERROR_NOT_FOUND, NULL);
    rig_told_problem(&other, "unknown-transaction", "the journal has no row");
    memset(&other, 0, sizeof other);
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    row_said(TROTH_ERROR_UNAVAILABLE, NULL);
    rig_told_problem(&other, "unavailable", "cannot be asked");
    memset(&other, 0, sizeof other);
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &other);
    rig.leads = false; /* somebody else may have written it meanwhile */
    row_said(TROTH_ERROR_NOT_FOUND, NULL);
    rig_told_problem(&other, "unavailable", "");
}
END_TEST

struct listed {
    uint32_t count, ends;
    char slug[64];
    troth_gtid last;
    uint32_t enough; /* so many are wanted; 0: all */
};

static bool list_one(void *arg, const struct api_problem *problem, const struct api_view *view)
{
    struct listed *listed = arg;
    ck_assert_uint_eq(listed->ends, 0);
    if (view == NULL) {
        listed->ends++;
        (void)snprintf(listed->slug, sizeof listed->slug, "%s",
                       problem != NULL ? problem->slug : "");
        return false;
    }
    listed->count++;
    listed->last = view->origin->gtid;
    return listed->enough == 0 || listed->count < listed->enough;
}

START_TEST(a_list_of_a_state_in_memory_does_not_ask_the_journal)
{
    struct listed listed = {0};
    struct api_list list = {.state = "preparing", .limit = 10};
    begin();
    rig_submit("transfer", "{}", NULL, API_REPLY_COMPLETED, &other);
    rig_turn();
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    ck_assert(!rig_is_asked(RIG_LIST));
    ck_assert_uint_eq(listed.count, 2);
    ck_assert_uint_eq(listed.ends, 1);
}
END_TEST

static void list_said(int error, const struct journal_row *row)
{
    struct rig_question question = *rig_asked(RIG_LIST);
    if (row == NULL)
        rig_asked(RIG_LIST)->answered = true;
    (void)question.fn.list(question.arg, error, row);
}

START_TEST(of_a_row_that_is_in_memory_the_memory_knows_better)
{
    struct listed listed = {0};
    struct api_list list = {.limit = 10};
    begin();
    troth_gtid gtid = its_gtid();
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    ck_assert_uint_eq(rig_asked(RIG_LIST)->filter.limit, 10);
    struct journal_row row = {.state = {"open", 4}, .unreadable = true};
    row.image.origin.gtid = gtid;
    list_said(0, &row);
    ck_assert_uint_eq(listed.count, 1);
    ck_assert(troth_gtid_equal(&listed.last, &gtid));
    row.image.origin.gtid.bytes[0] ^= 1; /* of a damaged row that is nowhere nothing is shown */
    list_said(0, &row);
    ck_assert_uint_eq(listed.count, 1);
    list_said(0, NULL);
    ck_assert_str_eq(listed.slug, "");
}
END_TEST

START_TEST(a_list_that_takes_too_long_says_so)
{
    struct listed listed = {0};
    struct api_list list = {.outcome = "mixed", .limit = 10};
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    list_said(TROTH_ERROR_TIMEOUT, NULL);
    ck_assert_str_eq(listed.slug, "unavailable");
    ck_assert_uint_eq(listed.ends, 1);
    memset(&listed, 0, sizeof listed);
    rig.leads = false;
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    ck_assert(!rig_is_asked(RIG_LIST));
    ck_assert_str_eq(listed.slug, "unavailable");
}
END_TEST

START_TEST(a_key_finds_what_runs_under_it_in_memory_else_in_the_journal)
{
    struct listed listed = {0};
    struct api_list list = {.key = {"order-1", 7}, .limit = 10};
    keyed("{}", &told);
    key_said(TROTH_ERROR_NOT_FOUND, NULL, "");
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    ck_assert_uint_eq(listed.count, 1);
    ck_assert_uint_eq(listed.ends, 1);
    ended();
    memset(&listed, 0, sizeof listed);
    rig.host.list(rig.host.ctx, &list, list_one, &listed);
    key_said(TROTH_ERROR_NOT_FOUND, NULL, "");
    ck_assert_uint_eq(listed.count, 0);
    ck_assert_str_eq(listed.slug, "");
}
END_TEST

/* --- the inquiry of a branch in doubt ----------------------------------------------------------
 */

static char decision[16];

static void hear_answer(void *arg, const struct api_problem *problem,
                        const struct api_answer *answer)
{
    (void)arg;
    (void)snprintf(decision, sizeof decision, "%s",
                   problem != NULL ? problem->slug : answer->decision);
}

static const char *inquired(const troth_gtid *gtid, uint32_t branch, uint32_t attempt)
{
    decision[0] = '\0';
    rig.host.inquire(rig.host.ctx, gtid, branch, attempt, (struct troth_span){NULL, 0}, hear_answer,
                     NULL);
    return decision;
}

START_TEST(the_leader_answers_a_branch_in_doubt_from_its_memory)
{
    begin();
    troth_gtid gtid = its_gtid();
    ck_assert_str_eq(inquired(&gtid, 1, 1), "undecided");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    ck_assert_str_eq(inquired(&gtid, 1, 1), "undecided"); /* not durable */
    rig_durable();
    ck_assert_str_eq(inquired(&gtid, 1, 1), "committed");
    ck_assert_str_eq(inquired(&gtid, 9, 1), "aborted"); /* no member */
}
END_TEST

START_TEST(another_journals_branch_and_a_shard_that_is_not_there_are_unknown)
{
    begin();
    troth_gtid gtid = its_gtid();
    rig.host.inquire(rig.host.ctx, &gtid, 1, 1, (struct troth_span){"0000000000000000", 16},
                     hear_answer, NULL);
    ck_assert_str_eq(decision, "unknown");
    struct troth_gtid_parts parts = {.unix_ms = 1, .shard = 100, .epoch = 1, .counter = 1};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    ck_assert_str_eq(inquired(&gtid, 1, 1), "unknown");
}
END_TEST

/* What the journal has, and what is answered then: the rules of protocol.md, section 2. */
static const struct {
    uint32_t gtid_epoch, shard_epoch;
    bool found, forgotten;
    enum txn_decision decision;
    uint32_t highest_attempt;
    const char *answer;
} from_rows[] = {
    {.gtid_epoch = 2, .shard_epoch = 1, .answer = "unknown"},
    {.gtid_epoch = 1, .shard_epoch = 1, .found = true, .highest_attempt = 1, .answer = "undecided"},
    {.gtid_epoch = 1, .shard_epoch = 1, .found = true, .highest_attempt = 2, .answer = "aborted"},
    {.gtid_epoch = 1,
     .shard_epoch = 1,
     .found = true,
     .decision = TXN_ABORT,
     .highest_attempt = 1,
     .answer = "aborted"},
    {.gtid_epoch = 1, .shard_epoch = 1, .forgotten = true, .answer = "unknown"},
    {.gtid_epoch = 1, .shard_epoch = 2, .answer = "aborted"},
    {.gtid_epoch = 1, .shard_epoch = 1, .answer = "undecided"}, /* this node never gave it out */
};

START_TEST(the_rows_answer_where_the_memory_does_not_know)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {
        .unix_ms = 1, .epoch = from_rows[_i].gtid_epoch, .counter = 77};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    ck_assert_str_eq(inquired(&gtid, 1, 1), "");
    struct journal_inquiry said = {.found = from_rows[_i].found,
                                   .forgotten = from_rows[_i].forgotten,
                                   .shard_epoch = from_rows[_i].shard_epoch,
                                   .highest_attempt = from_rows[_i].highest_attempt,
                                   .image = {.decision = from_rows[_i].decision, .attempt = 1}};
    struct rig_question *question = rig_asked(RIG_INQUIRE);
    ck_assert_uint_eq(question->attempt, 1);
    question->answered = true;
    question->fn.inquiry(question->arg, 0, &said);
    ck_assert_str_eq(decision, from_rows[_i].answer);
}
END_TEST

START_TEST(a_journal_that_does_not_answer_is_no_answer)
{
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 77};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    ck_assert_str_eq(inquired(&gtid, 1, 1), "");
    struct rig_question *question = rig_asked(RIG_INQUIRE);
    question->answered = true;
    question->fn.inquiry(question->arg, TROTH_ERROR_UNAVAILABLE, NULL);
    ck_assert_str_eq(decision, "unavailable");
}
END_TEST

Suite *suite_asking(void)
{
    Suite *suite = suite_create("asking");
    TCase *tests = tcase_create("asking");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, nothing_begins_while_it_stops);
    tcase_add_test(tests, nothing_begins_while_the_journal_takes_no_writes);
    tcase_add_test(tests, nothing_begins_while_too_many_records_wait);
    tcase_add_test(tests, a_definition_whose_participant_is_gone_is_refused_by_its_name);
    tcase_add_test(tests, without_the_journals_memory_the_process_ends_and_says_why);
    tcase_add_test(tests, nothing_is_sent_before_the_journal_was_asked_for_the_key);
    tcase_add_test(tests, the_same_request_at_the_same_time_is_the_same_transaction);
    tcase_add_test(tests, another_request_under_the_key_is_refused);
    tcase_add_test(tests, a_key_of_an_earlier_transaction_shows_that_one);
    tcase_add_test(tests, a_key_of_an_earlier_transaction_with_another_request_is_refused);
    tcase_add_test(tests, a_key_that_can_not_be_looked_up_begins_nothing);
    tcase_add_test(tests, who_is_fenced_says_that_it_does_not_know);
    tcase_add_test(tests, who_stops_says_nothing_was_done_only_of_what_was_never_begun);
    tcase_add_test(tests, whose_lease_is_over_is_silent_about_what_it_knows);
    tcase_add_test(tests, nobody_is_served_before_the_registry_is_there);
    tcase_add_test(tests, what_is_under_way_is_shown_from_memory);
    tcase_add_test(tests, what_has_ended_is_shown_from_the_journal);
    tcase_add_test(tests,
                   what_the_journal_has_no_row_of_is_not_there_and_else_nothing_is_said_of_it);
    tcase_add_test(tests, a_list_of_a_state_in_memory_does_not_ask_the_journal);
    tcase_add_test(tests, of_a_row_that_is_in_memory_the_memory_knows_better);
    tcase_add_test(tests, a_list_that_takes_too_long_says_so);
    tcase_add_test(tests, a_key_finds_what_runs_under_it_in_memory_else_in_the_journal);
    tcase_add_test(tests, the_leader_answers_a_branch_in_doubt_from_its_memory);
    tcase_add_test(tests, another_journals_branch_and_a_shard_that_is_not_there_are_unknown);
    tcase_add_loop_test(tests, the_rows_answer_where_the_memory_does_not_know, 0,
                        sizeof from_rows / sizeof *from_rows);
    tcase_add_test(tests, a_journal_that_does_not_answer_is_no_answer);
    suite_add_tcase(suite, tests);
    return suite;
}
