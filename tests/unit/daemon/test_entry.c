/* What a participant said of a branch, kept as long as the core shows it. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <burial.h>
#include <entry.h>
#include <room.h>
#include <state.h>
#include <table.h>

#include "suites.h"

static bool is(struct troth_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

static struct troth_span keep(struct entry *entry, const char *text)
{
    return entry_keep_reason(entry, 0, (struct troth_span){text, strlen(text)});
}

static struct driver driver;
static struct entry *entry;

static void set_up(void)
{
    static const struct txn_policy policy = TXN_POLICY_DEFAULT;
    driver = (struct driver){.base = event_base_new(), .shards_count = 1};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    entry = entry_create(&driver, 1);
    ck_assert_ptr_nonnull(entry);
    entry->branches[0] =
        (struct txn_branch){.number = 1, .name = "", .participant = "mail", .operation = "x"};
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, 1, 1);
    entry_insert(&driver, entry);
}

static void tear_down(void)
{
    entry_bury(&driver, entry);
    entry_bury_all(&driver);
    ck_assert_uint_eq(driver.open_bytes, 0);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}

/* Words come again and again; those on the branch, on its abort of the attempt before and on the
 * fallback stay as they were said. */
START_TEST(words_that_are_shown_are_not_overwritten)
{
    entry->txn.fallback_reason = keep(entry, "no route");
    for (int i = 0; i < 10; i++) {
        entry->branches[0].abort_reason = keep(entry, i % 2 == 0 ? "what abort?" : "which abort?");
        entry->branches[0].reason = keep(entry, i % 2 == 0 ? "busy" : "very busy");
        ck_assert(is(entry->txn.fallback_reason, "no route"));
        ck_assert(is(entry->branches[0].abort_reason, i % 2 == 0 ? "what abort?" : "which abort?"));
        ck_assert(is(entry->branches[0].reason, i % 2 == 0 ? "busy" : "very busy"));
    }
}
END_TEST

/* An interactive transaction begins with room for few branches; more find room with all that
 * belongs to those before, as many as a transaction may have, and what that takes is counted. */
START_TEST(branches_find_room_when_they_come)
{
    entry->origin.interactive = true;
    entry->extra[0].input_bytes = 7;
    size_t before = driver.open_bytes;
    for (uint32_t count = 1; count < TROTH_BRANCHES_MAX; count++) {
        if (entry->txn.branches_count == entry->branches_cap)
            ck_assert(entry_grow(entry));
        entry->branches[count] = (struct txn_branch){
            .number = count + 1, .name = "", .participant = "mail", .operation = "y"};
        ck_assert_ptr_null(entry->extra[count].participant);
        entry->extra[count].input_bytes = count;
        entry->wanted[count] = NULL;
        entry->wanted_branch[count] = count;
        entry->txn.branches_count++;
    }
    room_count(entry);
    ck_assert_uint_eq(entry->branches_cap, TROTH_BRANCHES_MAX);
    ck_assert_ptr_eq(entry->txn.branches, entry->branches);
    ck_assert_uint_eq(entry->extra[0].input_bytes, 7);
    for (uint32_t i = 1; i < TROTH_BRANCHES_MAX; i++) {
        ck_assert_uint_eq(entry->branches[i].number, i + 1);
        ck_assert_uint_eq(entry->extra[i].input_bytes, i);
    }
    ck_assert_uint_ge(driver.open_bytes - before,
                      TROTH_BRANCHES_MAX *
                          (sizeof(struct txn_branch) + sizeof(struct entry_branch)));
}
END_TEST

/* The timeline's first memory comes with the transaction, and more when it is wanted, up to the
 * most; it is counted. */
START_TEST(the_timeline_grows_as_it_is_used)
{
    entry_make_history(entry);
    room_count(entry);
    size_t first = driver.open_bytes;
    ck_assert_uint_gt(entry->txn.history_cap, 0);
    for (uint32_t i = 0; i < TXN_HISTORY_MAX; i++) {
        entry_make_history(entry);
        ck_assert_uint_lt(entry->txn.history_count, entry->txn.history_cap);
        entry->txn.history[entry->txn.history_count++].at_us = i;
    }
    ck_assert_uint_eq(entry->txn.history_cap, TXN_HISTORY_MAX);
    for (uint32_t i = 0; i < TXN_HISTORY_MAX; i++)
        ck_assert_uint_eq(entry->txn.history[i].at_us, i);
    room_count(entry);
    ck_assert_uint_eq(driver.open_bytes - first,
                      TXN_HISTORY_MAX * sizeof(struct txn_history_entry));
}
END_TEST

Suite *suite_entry(void)
{
    Suite *suite = suite_create("entry");
    TCase *tests = tcase_create("entry");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, words_that_are_shown_are_not_overwritten);
    tcase_add_test(tests, branches_find_room_when_they_come);
    tcase_add_test(tests, the_timeline_grows_as_it_is_used);
    suite_add_tcase(suite, tests);
    return suite;
}
