/* test_seats.c: what a refusal says of whose it is, and that every seat is given back. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <admission.h>
#include <burial.h>
#include <config.h>
#include <definitions.h>
#include <entry.h>
#include <owners.h>
#include <participants.h>
#include <seats.h>
#include <state.h>

#include "suites.h"

#define ENTRIES 24u

static struct driver driver;
static struct config config;
static struct definition definition = {.name = "transfer", .version = 1, .steps_count = 3};
static struct definition_slot slot;
static struct participant banks[2] = {{.name = "bank_a"}, {.name = "bank_b"}};
static struct entry *entries[ENTRIES];
static struct api_problem problem;

/* Of 20 seats 14 are shared, 2 each for definitions, participants and callers: one for each. */
static void set_up(void)
{
    memset(&driver, 0, sizeof driver);
    memset(entries, 0, sizeof entries);
    config = (struct config){.caller_open_transactions_max = 0};
    driver.config = &config;
    driver.base = event_base_new();
    ck_assert_ptr_nonnull(driver.base);
    ck_assert_int_eq(slots_create(&driver.slots), 0);
    admission_init(&driver.admission, 20, 30);
    admission_owners(&driver.admission, SEAT_DEFINITION, 2);
    admission_owners(&driver.admission, SEAT_PARTICIPANT, 2);
    slot = (struct definition_slot){.driver = &driver, .definition = &definition};
    slot.family = owners_get(&driver.families, definition.name);
    ck_assert_ptr_nonnull(slot.family);
}

static void tear_down(void)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (entries[i] != NULL)
            entry_destroy(entries[i]);
    ck_assert_uint_eq(driver.admission.used[SEAT_NONE], 0);
    ck_assert_uint_eq(slot.family->share.open + driver.interactive.open, 0);
    ck_assert_uint_eq(banks[0].share.open + banks[1].share.open, 0);
    ck_assert_uint_eq(driver.callers.count, 0);
    owners_put(&driver.families, slot.family);
    slots_destroy(driver.slots);
    event_base_free(driver.base);
}

/* Two steps at bank_a, one at bank_b; from there. */
static struct entry *make(bool interactive, const char *caller)
{
    struct entry *entry = entry_create(&driver, 3);
    ck_assert_ptr_nonnull(entry);
    entry->caller = caller != NULL ? owners_get(&driver.callers, caller) : NULL;
    if (interactive)
        return entry;
    entry->definition = &slot;
    slot.refs++;
    for (uint32_t i = 0; i < 3; i++)
        entry->extra[i].participant = &banks[i / 2];
    banks[0].share.open++;
    banks[1].share.open++;
    return entry;
}

/* How many get a seat. */
static uint32_t fill(bool interactive, const char *caller)
{
    for (uint32_t i = 0, count = 0; i < ENTRIES; i++) {
        if (entries[i] != NULL)
            continue;
        struct entry *entry = make(interactive, caller);
        if (!seats_admit(entry, &problem)) {
            entry_destroy(entry);
            return count;
        }
        entries[i] = entry;
        count++;
    }
    ck_abort_msg("nothing is refused");
    return 0;
}

static void says(const char *words)
{
    ck_assert_msg(strstr(problem.detail, words) != NULL, "\"%s\" in \"%s\"", words, problem.detail);
}

START_TEST(a_caller_has_as_many_as_it_may)
{
    /* Its own limit is before its seats, and nobody else's. */
    config.caller_open_transactions_max = 3;
    ck_assert_uint_eq(fill(false, "10.0.0.1"), 3);
    ck_assert_str_eq(problem.slug, "too-many-requests");
    says("caller 10.0.0.1 has 3 transactions open, and may have no more");
    ck_assert_uint_eq(fill(true, "10.0.0.2"), 3);
}
END_TEST

START_TEST(a_refusal_says_whose_seats_are_taken)
{
    ck_assert_uint_eq(fill(false, "10.0.0.1"), 14 + 1 + 1 + 1);
    ck_assert_str_eq(problem.slug, "full");
    ck_assert_uint_eq(problem.retry_after_s, 1);
    says("17 transactions are open (open_transactions_max is 20); nothing was done");
    says("The 14 shared seats are taken");
    says("definition \"transfer\" 1 of 1 (17 open)");
    says("participant \"bank_a\" 1 of 1 (17 open), participant \"bank_b\" 1 of 1 (17 open)");
    says("caller 10.0.0.1 1 of 1 (17 open)");
    ck_assert_uint_eq(banks[0].share.refused, 1);
    ck_assert_uint_eq(slot.family->share.refused, 1);
    ck_assert_uint_eq(fill(true, "10.0.0.1"), 1); /* interactive ones are another definition */
    says("interactive transactions 1 of 1 (1 open)");
    ck_assert_uint_eq(fill(true, "10.0.0.2"), 1); /* and that is another caller */
}
END_TEST

/* Behind a restart nobody knows the callers, and the limit may have been lowered. */
START_TEST(what_is_open_already_takes_its_seat)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entries[i] = make(i % 2 == 0, NULL);
        seats_take(entries[i]);
        seats_take(entries[i]); /* once */
    }
    ck_assert_uint_eq(driver.admission.used[SEAT_NONE], ENTRIES);
    ck_assert_uint_eq(driver.interactive.open, ENTRIES / 2);
    struct entry *entry = make(false, "10.0.0.1");
    ck_assert(seats_admit(entry, &problem)); /* its caller's own */
    ck_assert_int_eq(entry->seat.kind, SEAT_CALLER);
    entry_destroy(entry);
}
END_TEST

Suite *suite_seats(void)
{
    Suite *suite = suite_create("seats");
    TCase *tests = tcase_create("seats");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_refusal_says_whose_seats_are_taken);
    tcase_add_test(tests, a_caller_has_as_many_as_it_may);
    tcase_add_test(tests, what_is_open_already_takes_its_seat);
    suite_add_tcase(suite, tests);
    return suite;
}
