/* test_gate.c: so many at a time, in their order; who waits for something of its own stands aside.
 */
#include <check.h>
#include <string.h>

#include <clock.h>
#include <definitions.h>
#include <entry.h>
#include <gate.h>
#include <learn.h>
#include <state.h>

#include "suites.h"

#define ENTRIES 6

static struct driver driver;
static struct definition definition = {.name = "transfer", .version = 1, .steps_count = 2};
static struct definition_slot slot;
static struct definition_slot *slots[] = {&slot};
static struct txn_branch branches[ENTRIES][2];
static struct entry entries[ENTRIES];

static void set_up(void)
{
    memset(&driver, 0, sizeof driver);
    slot = (struct definition_slot){
        .driver = &driver,
        .definition = &definition,
        .learn = {.mode = LEARN_ORDERED, .limit = 2},
    };
    driver.definitions = slots;
    driver.definitions_count = 1;
    ck_assert_int_eq(slots_create(&driver.slots), 0);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        memset(branches[i], 0, sizeof branches[i]);
        entries[i] = (struct entry){.driver = &driver,
                                    .definition = &slot,
                                    .branches = branches[i],
                                    .txn = {.attempt = 1, .branches_count = 2}};
    }
}

static void tear_down(void)
{
    slots_destroy(driver.slots);
}

/* Who is let in asks for its slots. */
static bool asks(uint32_t i)
{
    return entries[i].slots.waiting;
}

START_TEST(so_many_at_a_time_first_come_first_served)
{
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    ck_assert(!gate_enter(&entries[2]) && !gate_enter(&entries[3]));
    gate_leave(&entries[1]);
    ck_assert(asks(2) && !asks(3));
    gate_leave(&entries[0]);
    ck_assert(asks(3));
}
END_TEST

static uint64_t one_more_waits_us(uint64_t later_us)
{
    struct mono now = driver_now().mono;
    return gate_wait_us(&slot, (struct mono){now.us + later_us});
}

START_TEST(how_long_one_more_would_wait_is_measured)
{
    slot.pace.each_64 = UINT64_C(4000) * 64;
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    ck_assert_uint_eq(one_more_waits_us(0), 0);
    for (uint32_t i = 2; i < 5; i++)
        ck_assert(!gate_enter(&entries[i]));
    ck_assert_uint_eq(one_more_waits_us(0), 3 * 4000);
    gate_leave(&entries[3]); /* it gives up */
    ck_assert_uint_eq(one_more_waits_us(0), 2 * 4000);
    ck_assert_uint_ge(one_more_waits_us(900000), 900000); /* nothing moves */
    gate_leave(&entries[0]);                              /* the first is let in, at once */
    ck_assert_uint_lt(one_more_waits_us(0), 4000);
}
END_TEST

START_TEST(a_pace_is_what_lies_between_two_turns_on_average)
{
    struct pace pace = {0};
    struct mono now = {1000};
    ck_assert_uint_eq(pace_wait_us(&pace, 0, 0), 0);
    pace_begin(&pace, now);
    for (int i = 0; i < 1000; i++) { /* two at a time */
        now.us += i % 2 == 0 ? 4000 : 0;
        pace_turn(&pace, now);
    }
    uint64_t wait_us = pace_wait_us(&pace, 100, 0);
    ck_assert_uint_ge(wait_us, 190000);
    ck_assert_uint_le(wait_us, 210000);
    now.us += 200000; /* one stall among many is not how it goes on */
    pace_turn(&pace, now);
    ck_assert_uint_le(pace_wait_us(&pace, 100, 0), 530000);
    ck_assert_uint_eq(pace_wait_us(&pace, 1, 70000), 70000);
}
END_TEST

/* Side by side, and the next one when all votes of the one before are there, though its
 * participants have not committed yet. */
START_TEST(in_turn_the_next_one_is_let_in_with_the_last_vote)
{
    slot.learn.in_turn = true;
    entries[0].origin.ordered = entries[1].origin.ordered = true;
    ck_assert(gate_enter(&entries[0]));
    ck_assert(!gate_enter(&entries[1]) && !gate_enter(&entries[2]));
    ck_assert(!entries[0].origin.ordered);
    gate_voted(&entries[0]);
    ck_assert(asks(1) && !entries[1].origin.ordered && !asks(2));
    gate_leave(&entries[0]); /* it has committed: nobody is let in for that */
    ck_assert(!asks(2));
    gate_leave(&entries[1]); /* it gives up */
    ck_assert(asks(2));
}
END_TEST

START_TEST(in_turn_and_in_order_do_not_mix)
{
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    slot.learn.in_turn = true;
    slot.learn.order_version++;
    ck_assert(!gate_enter(&entries[2]));
    gate_leave(&entries[0]);
    ck_assert(!asks(2));
    gate_leave(&entries[1]);
    ck_assert(asks(2) && !entries[2].origin.ordered);
    slot.learn.in_turn = false;
    slot.learn.order_version++;
    ck_assert(!gate_enter(&entries[3]));
    gate_leave(&entries[2]);
    ck_assert(asks(3) && entries[3].origin.ordered);
}
END_TEST

START_TEST(who_met_a_conflict_goes_before_those_that_have_not_begun)
{
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    ck_assert(!gate_enter(&entries[2]));
    entries[3].txn.attempt = 2;
    ck_assert(!gate_enter(&entries[3]));
    gate_leave(&entries[0]);
    ck_assert(asks(3) && !asks(2));
}
END_TEST

START_TEST(who_gives_up_before_it_was_let_in_leaves_no_hole)
{
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    for (uint32_t i = 2; i < 5; i++)
        ck_assert(!gate_enter(&entries[i]));
    gate_leave(&entries[3]);
    gate_leave(&entries[2]);
    gate_leave(&entries[0]);
    ck_assert(asks(4) && !asks(2) && !asks(3));
}
END_TEST

START_TEST(another_order_waits_until_nobody_of_the_old_one_is_inside)
{
    ck_assert(gate_enter(&entries[0]));
    slot.learn.order_version++;
    slot.learn.last_steps = 1;
    ck_assert(!gate_enter(&entries[1]));
    ck_assert(!branches[0][0].prepares_last);
    gate_leave(&entries[0]);
    ck_assert(asks(1) && branches[1][0].prepares_last && !branches[1][1].prepares_last);
    ck_assert(gate_enter(&entries[2]));
}
END_TEST

START_TEST(who_waits_for_something_of_its_own_stands_aside)
{
    struct mono now = driver_now().mono;
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    for (uint32_t i = 2; i < 5; i++)
        ck_assert(!gate_enter(&entries[i]));
    gate_look(&driver, now);
    ck_assert(!asks(2));
    now.us += 1000000;
    gate_look(&driver, now);
    ck_assert(asks(2) && asks(3) && !asks(4));
    gate_leave(&entries[0]); /* it counts no more */
    ck_assert(!asks(4));
    gate_leave(&entries[2]);
    ck_assert(asks(4));
}
END_TEST

START_TEST(parallel_ones_and_probes_have_no_gate)
{
    ck_assert(gate_enter(&entries[0]) && gate_enter(&entries[1]));
    entries[2].is_probe = true;
    ck_assert(gate_enter(&entries[2]));
    ck_assert(!gate_enter(&entries[3]));
    slot.learn.mode = LEARN_PARALLEL;
    ck_assert(gate_enter(&entries[4]));
    gate_leave(&entries[0]); /* and those that waited go, too */
    ck_assert(asks(3));
}
END_TEST

Suite *suite_gate(void)
{
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, so_many_at_a_time_first_come_first_served);
    tcase_add_test(tcase, in_turn_the_next_one_is_let_in_with_the_last_vote);
    tcase_add_test(tcase, in_turn_and_in_order_do_not_mix);
    tcase_add_test(tcase, who_met_a_conflict_goes_before_those_that_have_not_begun);
    tcase_add_test(tcase, how_long_one_more_would_wait_is_measured);
    tcase_add_test(tcase, a_pace_is_what_lies_between_two_turns_on_average);
    tcase_add_test(tcase, who_gives_up_before_it_was_let_in_leaves_no_hole);
    tcase_add_test(tcase, another_order_waits_until_nobody_of_the_old_one_is_inside);
    tcase_add_test(tcase, who_waits_for_something_of_its_own_stands_aside);
    tcase_add_test(tcase, parallel_ones_and_probes_have_no_gate);
    suite_add_tcase(suite, tcase);
    return suite;
}
