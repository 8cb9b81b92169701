/* What a participant said of a branch, kept as long as the core shows it. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <burial.h>
#include <entry.h>
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

/* Words come again and again; those on the branch, on its abort of the attempt before and on the
 * fallback stay as they were said. */
START_TEST(words_that_are_shown_are_not_overwritten)
{
    static const struct txn_policy policy = TXN_POLICY_DEFAULT;
    struct driver driver = {.base = event_base_new(), .shards_count = 1};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    struct entry *entry = entry_create(&driver, 1);
    ck_assert_ptr_nonnull(entry);
    entry->branches[0] =
        (struct txn_branch){.number = 1, .name = "", .participant = "mail", .operation = "x"};
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, 1, 1);
    entry_insert(&driver, entry);
    entry->txn.fallback_reason = keep(entry, "no route");
    for (int i = 0; i < 10; i++) {
        entry->branches[0].abort_reason = keep(entry, i % 2 == 0 ? "what abort?" : "which abort?");
        entry->branches[0].reason = keep(entry, i % 2 == 0 ? "busy" : "very busy");
        ck_assert(is(entry->txn.fallback_reason, "no route"));
        ck_assert(is(entry->branches[0].abort_reason, i % 2 == 0 ? "what abort?" : "which abort?"));
        ck_assert(is(entry->branches[0].reason, i % 2 == 0 ? "busy" : "very busy"));
    }
    entry_bury(&driver, entry);
    entry_bury_all(&driver);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}
END_TEST

Suite *suite_entry(void)
{
    Suite *suite = suite_create("entry");
    TCase *tests = tcase_create("reasons");
    tcase_add_test(tests, words_that_are_shown_are_not_overwritten);
    suite_add_tcase(suite, tests);
    return suite;
}
