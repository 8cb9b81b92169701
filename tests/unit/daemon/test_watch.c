/* Clients that follow a transaction in memory: what each is told, and that nothing of them stays.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <burial.h>
#include <entry.h>
#include <state.h>
#include <table.h>
#include <watch.h>

#include "suites.h"

#define WATCHERS 3

/* What one client heard: a letter for each event (State, Moment, Ended, Problem), with a moment's
 * time or the number of those left out behind it. */
struct client {
    struct buffer heard;
};

static struct driver driver;
static struct entry *entry;
static struct client clients[WATCHERS];

static void hear(void *arg, const struct api_problem *problem, const struct api_progress *progress)
{
    static const char letters[] = "SMQE";
    struct client *client = arg;
    if (problem != NULL) {
        buffer_append_char(&client->heard, 'P');
        return;
    }
    buffer_append_char(&client->heard, letters[progress->kind]);
    if (progress->kind == API_PROGRESS_MOMENT) {
        const char *number = strpbrk(progress->moment.data, "0123456789");
        buffer_append_format(&client->heard, "%ld", strtol(number, NULL, 10));
    }
}

static void heard(uint32_t i, const char *want)
{
    ck_assert_str_eq(buffer_text(&clients[i].heard), want);
    buffer_clear(&clients[i].heard);
}

/* One more moment, so many milliseconds after the beginning, as the core keeps them. */
static void note(uint32_t ms)
{
    struct txn *txn = &entry->txn;
    uint32_t half = TXN_HISTORY_MAX / 2;
    uint32_t i = txn->history_count < TXN_HISTORY_MAX ? txn->history_count++
                                                      : half + txn->history_dropped++ % half;
    txn->history[i] = (struct txn_history_entry){
        .at_us = ms * UINT64_C(1000), .attempt = 1, .moment = TXN_MOMENT_TIMEOUT};
}

static void set_up(void)
{
    static const struct txn_policy policy = TXN_POLICY_DEFAULT;
    driver = (struct driver){
        .base = event_base_new(), .joined = true, .registry_loaded = true, .recovered = true};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    entry = entry_create(&driver, 1);
    ck_assert_ptr_nonnull(entry);
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 1};
    ck_assert_int_eq(troth_gtid_make(&parts, &entry->origin.gtid), 0);
    entry->origin.interactive = true;
    static struct txn_history_entry history[TXN_HISTORY_MAX];
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, 0, 1);
    txn_history_move(&entry->txn, history, TXN_HISTORY_MAX);
    entry_insert(&driver, entry);
}

static void tear_down(void)
{
    if (!entry->dead)
        entry_bury(&driver, entry);
    entry_bury_all(&driver);
    watch_finish(&driver);
    ck_assert(LIST_EMPTY(&driver.watchers));
    ck_assert_ptr_null(driver.watch_timer);
    for (uint32_t i = 0; i < WATCHERS; i++)
        buffer_finish(&clients[i].heard);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}

static void follow(uint32_t i)
{
    watch_host(&driver, &entry->origin.gtid, hear, &clients[i]);
}

/* Who comes late hears what was so far; then everybody hears each moment once, and a state only
 * when it is another one. */
START_TEST(each_hears_everything_once)
{
    note(1);
    follow(0);
    heard(0, "SM1");
    watch_step(entry);
    heard(0, "");
    note(2);
    note(3);
    watch_step(entry);
    heard(0, "M2M3");
    follow(1);
    heard(1, "SM1M2M3");
    entry->txn.state = TXN_PREPARING;
    note(4);
    watch_step(entry);
    heard(0, "M4S");
    heard(1, "M4S");
    entry->txn.attempt++;
    watch_step(entry);
    heard(0, "S");
    entry->txn.outcome = TXN_OUTCOME_COMMITTED;
    watch_step(entry);
    heard(0, "S");
}
END_TEST

/* The core keeps the first and the last moments. Who listened all the time misses none; who comes
 * late hears how many were left out; who did not hear them in time hears how many of his were. */
START_TEST(moments_left_out_are_counted)
{
    follow(0);
    heard(0, "S");
    for (uint32_t i = 0; i < TXN_HISTORY_MAX + 10; i++) {
        char want[16];
        note(i);
        watch_step(entry);
        (void)snprintf(want, sizeof want, "M%u", i);
        heard(0, want);
    }
    follow(1);
    const char *late = buffer_text(&clients[1].heard);
    ck_assert_ptr_nonnull(strstr(late, "M47M10M58M59")); /* 48 to 57 are gone */
    ck_assert_ptr_nonnull(strstr(late, "M104M105"));
    for (uint32_t i = 0; i < TXN_HISTORY_MAX; i++) /* in one step: 48 of them are gone at once */
        note(200 + i);
    watch_step(entry);
    const char *all = buffer_text(&clients[0].heard);
    ck_assert_int_eq(strncmp(all, "M48M248M249", 11), 0);
    ck_assert_ptr_nonnull(strstr(all, "M294M295"));
}
END_TEST

/* The end is told when the entry goes, once; nobody hears anything behind it. */
START_TEST(the_end_comes_with_the_journal)
{
    follow(0);
    follow(1);
    entry->txn.state = TXN_ENDED;
    entry->txn.outcome = TXN_OUTCOME_ABORTED;
    entry->ended = true;
    note(1);
    watch_step(entry);
    heard(0, "SM1"); /* the first state, and not "ended": the journal does not have it yet */
    entry_bury(&driver, entry);
    heard(0, "E");
    heard(1, "SM1E");
    ck_assert(LIST_EMPTY(&driver.watchers));
}
END_TEST

/* An entry that goes without an end, and a coordinator that stops, say that they cannot go on. */
START_TEST(it_may_break_off)
{
    follow(0);
    entry_bury(&driver, entry);
    heard(0, "SP");
    driver.recovered = false;
    follow(1);
    heard(1, "P"); /* does not lead */
}
END_TEST

/* Who leaves hears nothing more, and the others do. */
START_TEST(who_leaves_is_forgotten)
{
    follow(0);
    follow(1);
    follow(2);
    unwatch_host(&driver, &clients[1]);
    note(1);
    watch_step(entry);
    heard(0, "SM1");
    heard(1, "S");
    heard(2, "SM1");
    unwatch_host(&driver, &clients[0]);
    unwatch_host(&driver, &clients[2]);
    ck_assert_ptr_null(driver.watch_timer);
    ck_assert(LIST_EMPTY(&entry->watchers));
}
END_TEST

Suite *suite_watch(void)
{
    Suite *suite = suite_create("watch");
    TCase *tests = tcase_create("watch");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_hears_everything_once);
    tcase_add_test(tests, moments_left_out_are_counted);
    tcase_add_test(tests, the_end_comes_with_the_journal);
    tcase_add_test(tests, it_may_break_off);
    tcase_add_test(tests, who_leaves_is_forgotten);
    suite_add_tcase(suite, tests);
    return suite;
}
