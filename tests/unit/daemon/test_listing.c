/* Lists by a state that only the memory knows. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <burial.h>
#include <entry.h>
#include <listing.h>
#include <state.h>
#include <table.h>

#include "suites.h"

#define ENTRIES 6

static struct driver driver;
static struct entry *entries[ENTRIES];
static struct buffer listed; /* the counters of the gtids, in order; "." is the end */
static bool with_payloads;
static uint64_t enough; /* no more is wanted behind this one */

/* Of two shards in turn; each begins a second after the one before. */
static struct entry *add(uint32_t i)
{
    static const struct txn_policy policy = TXN_POLICY_DEFAULT;
    struct entry *entry = entry_create(&driver, 1);
    ck_assert_ptr_nonnull(entry);
    struct troth_gtid_parts parts = {
        .unix_ms = (i + 1) * 1000u, .shard = (uint16_t)(i % 2), .epoch = 1, .counter = i + 1};
    ck_assert_int_eq(troth_gtid_make(&parts, &entry->origin.gtid), 0);
    entry->origin.began_at.us = parts.unix_ms * 1000u;
    entry->origin.definition = (struct troth_span){"order", i == 0 ? 4 : 5};
    entry->branches[0] = (struct txn_branch){
        .number = 1, .name = "", .participant = i < 3 ? "mail" : "bank", .operation = "x"};
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, 1, 1);
    entry->txn.state = TXN_COMPENSATING;
    entry_insert(&driver, entry);
    return entry;
}

static void set_up(void)
{
    driver = (struct driver){.base = event_base_new(), .shards_count = 2};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    for (uint32_t i = 0; i < ENTRIES; i++)
        entries[i] = add(i);
}

static void tear_down(void)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (!entries[i]->dead)
            entry_bury(&driver, entries[i]);
    entry_bury_all(&driver);
    buffer_finish(&listed);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}

static bool hear(void *arg, const struct api_problem *problem, const struct api_view *view)
{
    struct troth_gtid_parts parts;
    ck_assert_ptr_null(problem);
    ck_assert(arg == &listed);
    if (view == NULL) {
        buffer_append_char(&listed, '.');
        return false;
    }
    ck_assert((view->steps.len > 0) == with_payloads);
    troth_gtid_split(&view->origin->gtid, &parts);
    buffer_append_uint(&listed, parts.counter);
    return parts.counter != enough;
}

static void lists(struct api_list list, const char *want)
{
    ck_assert(listing_in_memory(&list));
    buffer_clear(&listed);
    list.limit = list.limit != 0 ? list.limit : 100;
    listing_from_memory(&driver, &list, hear, &listed);
    ck_assert_str_eq(buffer_text(&listed), want);
}

/* What the journal knows is asked there. */
START_TEST(some_states_are_the_journals)
{
    struct api_list list = {.state = NULL};
    ck_assert(!listing_in_memory(&list));
    list.state = "open";
    ck_assert(!listing_in_memory(&list));
    list.state = "ended";
    ck_assert(!listing_in_memory(&list));
}
END_TEST

/* The youngest first, over all shards; pages follow each other, also when the cursor's transaction
 * has gone. */
START_TEST(pages_follow_each_other)
{
    lists((struct api_list){.state = "compensating"}, "654321.");
    lists((struct api_list){.state = "compensating", .limit = 4}, "6543.");
    struct api_list next = {
        .state = "compensating", .limit = 2, .has_cursor = true, .cursor = entries[3]->origin.gtid};
    lists(next, "32.");
    entry_bury(&driver, entries[3]);
    lists(next, "32.");
    next.cursor = entries[0]->origin.gtid;
    lists(next, ".");
}
END_TEST

/* Steps are made for who asks for them, and none behind the last that is wanted. */
START_TEST(payloads_are_made_when_they_are_asked_for)
{
    with_payloads = true;
    enough = 5;
    lists((struct api_list){.state = "compensating", .payloads = true}, "65.");
    with_payloads = false;
    enough = 0;
    lists((struct api_list){.state = "compensating"}, "654321.");
}
END_TEST

/* Each filter leaves out what does not fit. */
START_TEST(filters_hold)
{
    lists((struct api_list){.state = "running"}, ".");
    entries[4]->txn.state = TXN_RUNNING;
    lists((struct api_list){.state = "running"}, "5.");
    lists((struct api_list){.state = "parked"}, ".");
    entries[4]->txn.owed_parked = 1; /* the saga goes on beside it */
    lists((struct api_list){.state = "parked"}, "5.");
    lists((struct api_list){.state = "running"}, "5.");
    entries[4]->txn.owed_parked = 0;
    lists((struct api_list){.state = "compensating", .definition = "order"}, "6432.");
    lists((struct api_list){.state = "compensating", .participant = "mail"}, "321.");
    lists((struct api_list){.state = "compensating", .before = {3000000}}, "21.");
    entries[1]->txn.outcome = TXN_OUTCOME_MIXED;
    lists((struct api_list){.state = "compensating", .outcome = "mixed"}, "2.");
    entries[1]->looking_up = true; /* not begun: nobody knows it */
    lists((struct api_list){.state = "compensating", .outcome = "mixed"}, ".");
}
END_TEST

/* An operator sees what is parked also while other steps go on. */
START_TEST(parked_is_also_partly_parked)
{
    entries[2]->txn.state = TXN_RUNNING; /* and nothing else of it goes on */
    entries[2]->txn.in[TXN_BRANCH_PARKED] = 1;
    entries[5]->txn.in[TXN_BRANCH_PARKED] = 1;
    entries[5]->txn.in[TXN_BRANCH_COMPENSATING] = 2;
    lists((struct api_list){.state = "parked"}, "63.");
    lists((struct api_list){.state = "compensating"}, "65421.");
}
END_TEST

Suite *suite_listing(void)
{
    Suite *suite = suite_create("listing");
    TCase *tests = tcase_create("listing");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, some_states_are_the_journals);
    tcase_add_test(tests, pages_follow_each_other);
    tcase_add_test(tests, payloads_are_made_when_they_are_asked_for);
    tcase_add_test(tests, filters_hold);
    tcase_add_test(tests, parked_is_also_partly_parked);
    suite_add_tcase(suite, tests);
    return suite;
}
