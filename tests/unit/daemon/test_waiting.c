/* What clients that wait are told when they cannot wait any longer: never more than is durable,
 * never less than is known, and "nothing was done" only where that is certain. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <burial.h>
#include <entry.h>
#include <state.h>
#include <table.h>
#include <waiting.h>

#include "suites.h"

#define SECOND UINT64_C(1000000)

static const struct config config = {.reply_wait_us = 2 * SECOND};
static const struct txn_policy policy = TXN_POLICY_DEFAULT;
static struct driver driver;
static struct entry *entry;
static struct buffer texts;
static struct txn_effects effects;
static char told[64]; /* "view", or the problem's slug */
static char detail[512];
static bool named; /* the problem names the gtid */

static void hear(void *arg, const struct api_problem *problem, const struct api_view *view,
                 bool fresh)
{
    (void)arg;
    (void)fresh;
    ck_assert_str_eq(told, ""); /* once */
    (void)snprintf(told, sizeof told, "%s", problem != NULL ? problem->slug : "view");
    (void)snprintf(detail, sizeof detail, "%s", problem != NULL ? problem->detail : "");
    named = problem != NULL && problem->gtid == &entry->origin.gtid;
    ck_assert(problem != NULL || view->origin == &entry->origin);
}

static void heard(const char *what)
{
    ck_assert_str_eq(told, what);
    told[0] = '\0';
}

static void set_up_as(bool interactive)
{
    driver = (struct driver){.base = event_base_new(), .config = &config, .effects = &effects};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    ck_assert(buffer_reserve(&texts, TXN_TEXTS_BYTES_MAX));
    effects.texts = &texts;
    entry = entry_create(&driver, 2);
    ck_assert_ptr_nonnull(entry);
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 1};
    ck_assert_int_eq(troth_gtid_make(&parts, &entry->origin.gtid), 0);
    entry->origin.interactive = interactive;
    for (uint32_t i = 0; i < 2; i++) {
        entry->branches[i] = (struct txn_branch){.number = i + 1,
                                                 .name = "debit",
                                                 .participant = "bank",
                                                 .operation = "debit",
                                                 .inquires = true};
    }
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, interactive ? 0 : 2, 2);
    entry_insert(&driver, entry);
    told[0] = '\0';
}

static void set_up(void)
{
    set_up_as(false);
}

static void tear_down(void)
{
    entry_bury(&driver, entry);
    entry_bury_all(&driver);
    buffer_finish(&texts);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}

static void step(const struct txn_event *event)
{
    txn_step(&entry->txn, event, (struct txn_now){{SECOND}, {SECOND}}, &effects);
}

static void step_kind(enum txn_event_kind kind)
{
    step(&(struct txn_event){.kind = kind});
}

static void durable(enum txn_record_kind kind)
{
    struct txn_event event = {.kind = TXN_EVENT_DURABLE};
    event.of.durable.record = kind;
    event.of.durable.attempt = 1;
    step(&event);
}

static void vote(uint32_t branch)
{
    struct result result = {
        .op = OP_PREPARE, .branch = branch, .attempt = 1, .result = RESULT_VOTE, .vote = VOTE_YES};
    struct txn_event event = {.kind = TXN_EVENT_RESULT};
    event.of.result = &result;
    step(&event);
}

static void wait_for(enum api_reply level)
{
    ck_assert_ptr_nonnull(answer_wait(entry, hear, NULL, level, true, SECOND));
}

START_TEST(nothing_was_done_is_said_of_what_never_began)
{
    wait_for(API_REPLY_COMPLETED);
    answer_stopped(entry, API_WHY_STOPS);
    heard("unavailable");
    ck_assert_ptr_nonnull(strstr(detail, "nothing was done"));
}
END_TEST

START_TEST(what_is_not_durable_is_not_known_and_says_how_to_ask)
{
    step_kind(TXN_EVENT_SUBMITTED);
    wait_for(API_REPLY_COMPLETED);
    answer_stopped(entry, API_WHY_STOPS);
    heard("outcome-unknown");
    ck_assert(named);
    ck_assert_ptr_nonnull(strstr(detail, "GET /v1/transactions/"));
    ck_assert_ptr_null(strstr(detail, "nothing was done"));
    ck_assert_ptr_null(strstr(detail, "try again"));
}
END_TEST

START_TEST(what_is_durable_is_told_when_it_stops)
{
    step_kind(TXN_EVENT_SUBMITTED);
    durable(TXN_RECORD_BEGIN);
    wait_for(API_REPLY_COMPLETED);
    answer_stopped(entry, API_WHY_STOPS);
    heard("view");
    step_kind(TXN_EVENT_FENCED); /* somebody else leads: it may be another state by now */
    wait_for(API_REPLY_COMPLETED);
    answer_stopped(entry, API_WHY_STOPS);
    heard("outcome-unknown");
}
END_TEST

START_TEST(an_outcome_that_is_durable_is_told_by_who_does_not_lead)
{
    step_kind(TXN_EVENT_SUBMITTED);
    step_kind(TXN_EVENT_RESERVED);
    vote(1);
    vote(2);
    durable(TXN_RECORD_DECISION);
    wait_for(API_REPLY_COMPLETED);
    step_kind(TXN_EVENT_FENCED);
    answer_stopped(entry, API_WHY_STOPS);
    heard("view");
}
END_TEST

START_TEST(accepted_is_told_when_the_row_is_durable_and_not_when_time_is_over)
{
    step_kind(TXN_EVENT_SUBMITTED);
    wait_for(API_REPLY_ACCEPTED);
    struct mono over = answer_next(entry);
    ck_assert(answer_overdue(entry, over));
    heard("");
    durable(TXN_RECORD_BEGIN);
    ck_assert(answer_overdue(entry, answer_next(entry)));
    heard("view");
    ck_assert_uint_eq(answer_next(entry).us, 0);
}
END_TEST

START_TEST(a_wait_ends_though_the_journal_never_answers)
{
    step_kind(TXN_EVENT_SUBMITTED);
    wait_for(API_REPLY_ACCEPTED);
    struct mono over = answer_next(entry);
    ck_assert(answer_overdue(entry, over));
    struct mono end = answer_next(entry);
    ck_assert_uint_gt(end.us, over.us);
    ck_assert(answer_overdue(entry, end));
    heard("outcome-unknown");
    ck_assert(named);
}
END_TEST

START_TEST(a_key_that_is_not_looked_up_in_time_never_begins)
{
    wait_for(API_REPLY_COMPLETED);
    entry->looking_up = true;
    ck_assert(answer_overdue(entry, answer_next(entry)));
    ck_assert(!answer_overdue(entry, answer_next(entry)));
    answer_stopped(entry, API_WHY_STOPS);
    heard("unavailable");
}
END_TEST

START_TEST(an_enlistment_is_acknowledged_by_its_row_alone)
{
    tear_down();
    set_up_as(true);
    step_kind(TXN_EVENT_OPENED);
    durable(TXN_RECORD_BEGIN);
    struct txn_branch plain = {
        .number = 7, .name = "", .participant = "plain", .operation = "debit", .vote = VOTE_YES};
    ck_assert_int_eq(answer_wait_enlisted(entry, hear, NULL, 7), 0);
    struct txn_event event = {.kind = TXN_EVENT_ENLISTED};
    event.of.branch = &plain;
    step(&event);
    ck_assert(answer_overdue(entry, answer_next(entry)));
    ck_assert(answer_overdue(entry, answer_next(entry)));
    heard("outcome-unknown");
    ck_assert_ptr_nonnull(strstr(detail, "branch 7"));
    ck_assert_int_eq(answer_wait_enlisted(entry, hear, NULL, 7), 0);
    answer_stopped(entry, API_WHY_STOPS);
    heard("outcome-unknown");
}
END_TEST

START_TEST(an_abort_that_came_too_late_is_refused_whenever_it_is_answered)
{
    step_kind(TXN_EVENT_SUBMITTED);
    step_kind(TXN_EVENT_RESERVED);
    vote(1);
    vote(2);
    struct waiter *waiter = answer_wait(entry, hear, NULL, API_REPLY_COMPLETED, true, SECOND);
    ck_assert_ptr_nonnull(waiter);
    waiter->aborts = true;
    durable(TXN_RECORD_DECISION);
    answer_level(entry, TXN_REPLY_COMPLETED);
    heard("wrong-state");
}
END_TEST

Suite *suite_waiting(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tests = tcase_create("waiting");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nothing_was_done_is_said_of_what_never_began);
    tcase_add_test(tests, what_is_not_durable_is_not_known_and_says_how_to_ask);
    tcase_add_test(tests, what_is_durable_is_told_when_it_stops);
    tcase_add_test(tests, an_outcome_that_is_durable_is_told_by_who_does_not_lead);
    tcase_add_test(tests, accepted_is_told_when_the_row_is_durable_and_not_when_time_is_over);
    tcase_add_test(tests, a_wait_ends_though_the_journal_never_answers);
    tcase_add_test(tests, a_key_that_is_not_looked_up_in_time_never_begins);
    tcase_add_test(tests, an_enlistment_is_acknowledged_by_its_row_alone);
    tcase_add_test(tests, an_abort_that_came_too_late_is_refused_whenever_it_is_answered);
    suite_add_tcase(suite, tests);
    return suite;
}
