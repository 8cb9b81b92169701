/* test_learn.c: a definition whose conflicts exceed a rate starts ordered for a while, and comes
 * back.
 */
#include <check.h>

#include <learn.h>

#include "suites.h"

/* Steps at bank_a and at bank_b. */
static const struct learn_steps apart = {.count = 2, .beside = {1, 2}, .last_by_name = 2};

static struct mono at(uint64_t us)
{
    return (struct mono){1000000 + us};
}

static void begin_many(struct learn *learn, uint32_t count, uint64_t us)
{
    for (uint32_t i = 0; i < count; i++)
        (void)learn_begin(learn, at(us));
}

/* Ordered since 0. */
static struct learn ordered(void)
{
    struct learn learn = {0};
    begin_many(&learn, 8, 0);
    for (uint32_t i = 0; i < LEARN_CONFLICTS_MIN; i++)
        learn_conflict(&learn, at(0));
    ck_assert_int_eq(learn.mode, LEARN_ORDERED);
    return learn;
}

/* And in order now, not in turn. */
static struct learn in_order(void)
{
    struct learn learn = ordered();
    learn.in_turn = false;
    learn.order_version = 0;
    return learn;
}

/* So many transactions prepare, their steps taking so long. */
static void votes_beside(struct learn *learn, bool alone, uint32_t count, uint64_t first_us,
                         uint64_t second_us, uint64_t now_us)
{
    for (uint32_t i = 0; i < count; i++) {
        if (learn_vote(learn, 0, first_us))
            learn_order(learn, &apart, alone, at(now_us));
        if (learn_vote(learn, 1, second_us))
            learn_order(learn, &apart, alone, at(now_us));
    }
}

static void votes(struct learn *learn, uint32_t count, uint64_t first_us, uint64_t second_us,
                  uint64_t now_us)
{
    votes_beside(learn, true, count, first_us, second_us, now_us);
}

#define TURN_US 700

/* A database in which one transaction takes a millisecond, TURN_US in turn, `best` at a time get
 * most done, and each one more makes all of them slower. So many of them go through the gate. How
 * many of them went in turn. */
static uint32_t go_through(struct learn *learn, uint32_t best, uint32_t count, bool full,
                           uint64_t *now_us)
{
    uint32_t in_turn = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at_a_time = learn->limit < best ? learn->limit : best;
        uint64_t slower = learn->limit > best ? learn->limit - best : 0;
        in_turn += learn->in_turn ? 1 : 0;
        *now_us += learn->in_turn ? TURN_US : 1000 / at_a_time + slower * 20;
        learn_left(learn, full, at(*now_us));
    }
    return in_turn;
}

START_TEST(few_conflicts_among_many_change_nothing)
{
    struct learn learn = {0};
    begin_many(&learn, 1000, 0);
    for (uint32_t i = 0; i < 49; i++)
        learn_conflict(&learn, at(0));
    ck_assert(!learn_begin(&learn, at(1)).ordered);
    learn_conflict(&learn, at(1));
    learn_conflict(&learn, at(1));
    ck_assert(learn_begin(&learn, at(2)).ordered);
}
END_TEST

START_TEST(a_handful_is_chance)
{
    struct learn learn = {0};
    for (uint32_t second = 0; second < 10; second++) {
        begin_many(&learn, 3, second * LEARN_WINDOW_US);
        for (uint32_t i = 1; i < LEARN_CONFLICTS_MIN; i++)
            learn_conflict(&learn, at(second * LEARN_WINDOW_US));
    }
    ck_assert_int_eq(learn.mode, LEARN_PARALLEL);
    ck_assert_uint_eq(learn.conflicts_total, 30);
}
END_TEST

START_TEST(the_term_ends_with_probes_one_at_a_time_and_good_ones_bring_parallel_back)
{
    struct learn learn = ordered();
    ck_assert(learn_begin(&learn, at(LEARN_TERM_US - 1)).ordered);
    uint64_t us = LEARN_TERM_US;
    for (uint32_t i = 0; i < LEARN_PROBES_GOOD; i++) {
        struct learn_way way = learn_begin(&learn, at(us));
        ck_assert(way.is_probe && !way.ordered);
        ck_assert(learn_begin(&learn, at(us)).ordered); /* beside it all others go in order */
        us += LEARN_PROBE_EVERY_US;
        ck_assert(learn_begin(&learn, at(us)).ordered); /* it is not over yet */
        learn_probe_ended(&learn, LEARN_PROBE_GOOD, at(us));
    }
    ck_assert_int_eq(learn.mode, LEARN_PARALLEL);
    ck_assert(!learn_begin(&learn, at(us)).ordered);
}
END_TEST

START_TEST(a_probe_that_meets_a_conflict_doubles_the_term_up_to_a_limit)
{
    struct learn learn = ordered();
    uint64_t us = 0, term_us = LEARN_TERM_US;
    for (uint32_t i = 0; i < 10; i++) {
        us += term_us;
        ck_assert(learn_begin(&learn, at(us - 1)).ordered);
        ck_assert(learn_begin(&learn, at(us)).is_probe);
        learn_probe_ended(&learn, LEARN_PROBE_CONFLICT, at(us));
        ck_assert_int_eq(learn.mode, LEARN_ORDERED);
        term_us = term_us * 2 < LEARN_TERM_MAX_US ? term_us * 2 : LEARN_TERM_MAX_US;
        ck_assert_uint_eq(learn.term_us, term_us);
    }
}
END_TEST

START_TEST(a_probe_that_ends_otherwise_says_nothing)
{
    struct learn learn = ordered();
    ck_assert(learn_begin(&learn, at(LEARN_TERM_US)).is_probe);
    learn_probe_ended(&learn, LEARN_PROBE_NEITHER, at(LEARN_TERM_US));
    ck_assert_int_eq(learn.mode, LEARN_PROBING);
    ck_assert(!learn_begin(&learn, at(LEARN_TERM_US)).is_probe); /* not at once */
    ck_assert(learn_begin(&learn, at(LEARN_TERM_US + LEARN_PROBE_EVERY_US)).is_probe);
}
END_TEST

START_TEST(as_many_go_at_a_time_as_get_most_done)
{
    struct learn learn = ordered();
    uint64_t now_us = 0;
    ck_assert_uint_eq(learn.limit, LEARN_LIMIT_START);
    go_through(&learn, 50, 20000, true, &now_us); /* many rows */
    ck_assert_uint_ge(learn.home, 30);
    ck_assert_uint_le(learn.home, 60);
    go_through(&learn, 2, 20000, true, &now_us); /* one of them is wanted by all, now */
    ck_assert_uint_le(learn.home, 4);
}
END_TEST

START_TEST(where_all_want_the_same_rows_they_go_in_turn_and_else_in_order)
{
    struct learn learn = ordered();
    uint64_t now_us = 0;
    ck_assert(learn.in_turn);
    (void)go_through(&learn, 1, 2000, true, &now_us);
    ck_assert(learn.turn_home);
    ck_assert_uint_ge(go_through(&learn, 1, 10000, true, &now_us), 9000); /* few are trials */
    (void)go_through(&learn, 20, 10000, true, &now_us); /* now they want different ones */
    ck_assert(!learn.turn_home);
    ck_assert_uint_le(go_through(&learn, 20, 10000, true, &now_us), 1000);
    (void)go_through(&learn, 1, 10000, true, &now_us);
    ck_assert(learn.turn_home);
}
END_TEST

START_TEST(what_changes_from_one_way_to_the_other_waits_until_the_gate_is_empty)
{
    struct learn learn = ordered();
    uint64_t now_us = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        bool in_turn = learn.in_turn;
        uint32_t version = learn.order_version;
        (void)go_through(&learn, 1, 1, true, &now_us);
        ck_assert(in_turn == learn.in_turn || version != learn.order_version);
    }
}
END_TEST

START_TEST(two_definitions_over_the_same_participants_do_not_go_in_turn)
{
    struct learn learn = ordered();
    votes_beside(&learn, false, LEARN_TRIAL_VOTES, 1000, 1000, 0);
    ck_assert(!learn.in_turn);
    uint64_t now_us = 0;
    ck_assert_uint_eq(go_through(&learn, 1, 5000, true, &now_us), 0);
    votes(&learn, LEARN_TRIAL_VOTES, 1000, 1000, 0); /* the other one is over */
    ck_assert_uint_gt(go_through(&learn, 1, 5000, true, &now_us), 3000);
}
END_TEST

/* Many rows are wanted, and then not: the probes are good, and half a second later it is as before.
 */
START_TEST(a_return_to_parallel_that_does_not_last_makes_the_term_longer)
{
    struct learn learn = ordered();
    uint64_t us = LEARN_TERM_US;
    for (uint32_t i = 0; i < LEARN_PROBES_GOOD; i++, us += LEARN_PROBE_EVERY_US) {
        ck_assert(learn_begin(&learn, at(us)).is_probe);
        learn_probe_ended(&learn, LEARN_PROBE_GOOD, at(us));
    }
    ck_assert_int_eq(learn.mode, LEARN_PARALLEL);
    begin_many(&learn, 8, us);
    for (uint32_t i = 0; i < LEARN_CONFLICTS_MIN; i++)
        learn_conflict(&learn, at(us));
    ck_assert_uint_eq(learn.term_us, 2 * LEARN_TERM_US);
}
END_TEST

START_TEST(more_are_tried_only_where_others_wait)
{
    struct learn learn = ordered();
    uint64_t now_us = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        go_through(&learn, 50, 1, false, &now_us);
        ck_assert_uint_le(learn.limit, LEARN_LIMIT_START);
    }
}
END_TEST

START_TEST(the_participant_where_they_wait_prepares_last_as_a_trial)
{
    struct learn learn = in_order();
    votes(&learn, LEARN_TRIAL_VOTES, 9000, 1000, 0);
    ck_assert_uint_eq(learn.last_steps, 1);
    ck_assert_uint_eq(learn.order_version, 1);
    votes(&learn, LEARN_TRIAL_VOTES * 2, 5000, 1000, 0); /* the others do not wait now */
    ck_assert_uint_eq(learn.last_steps, 1);
    ck_assert_uint_eq(learn.order_version, 1);
}
END_TEST

START_TEST(where_the_wait_goes_over_to_the_new_first_one_it_is_undone_and_not_soon_tried_again)
{
    struct learn learn = in_order();
    votes(&learn, LEARN_TRIAL_VOTES / 2, 9000, 1000, 0);
    ck_assert_uint_eq(learn.last_steps, 1);
    votes(&learn, LEARN_TRIAL_VOTES / 2, 1000, 9000, 0);
    ck_assert_uint_eq(learn.last_steps, 0);
    ck_assert_uint_eq(learn.order_version, 2);
    votes(&learn, LEARN_TRIAL_VOTES * 2, 9000, 1000, 0);
    ck_assert_uint_eq(learn.order_version, 2);
    votes(&learn, LEARN_TRIAL_VOTES, 9000, 1000, LEARN_TRIAL_AGAIN_US);
    ck_assert_uint_eq(learn.last_steps, 1);
}
END_TEST

START_TEST(two_definitions_over_the_same_participants_have_one_order)
{
    struct learn learn = in_order();
    votes_beside(&learn, false, LEARN_TRIAL_VOTES * 2, 9000, 1000, 0);
    ck_assert_uint_eq(learn.last_steps, 0);
    votes(&learn, LEARN_TRIAL_VOTES / 2, 9000, 1000, 0);
    ck_assert_uint_eq(learn.last_steps, 1);
    votes_beside(&learn, false, LEARN_TRIAL_VOTES, 9000, 1000, 0); /* another one became hot */
    ck_assert_uint_eq(learn.last_steps, 0);
}
END_TEST

START_TEST(what_the_definition_says_is_not_changed)
{
    struct learn learn = {0};
    uint64_t now_us = 0;
    learn_said(&learn, true);
    votes(&learn, 600, 9000, 1000, 0);
    go_through(&learn, 2, 5000, true, &now_us);
    ck_assert_int_eq(learn.mode, LEARN_ORDERED);
    ck_assert_uint_eq(learn.last_steps, 0);
    ck_assert_uint_le(learn.home, 4);
    learn_said(&learn, true);
    ck_assert_uint_le(learn.home, 4);
    ck_assert_uint_eq(learn.ordered_total, 2);
}
END_TEST

Suite *suite_learn(void)
{
    Suite *suite = suite_create("learn");
    TCase *tcase = tcase_create("learn");
    tcase_add_test(tcase, few_conflicts_among_many_change_nothing);
    tcase_add_test(tcase, a_handful_is_chance);
    tcase_add_test(tcase,
                   the_term_ends_with_probes_one_at_a_time_and_good_ones_bring_parallel_back);
    tcase_add_test(tcase, a_probe_that_meets_a_conflict_doubles_the_term_up_to_a_limit);
    tcase_add_test(tcase, a_probe_that_ends_otherwise_says_nothing);
    tcase_add_test(tcase, as_many_go_at_a_time_as_get_most_done);
    tcase_add_test(tcase, where_all_want_the_same_rows_they_go_in_turn_and_else_in_order);
    tcase_add_test(tcase, what_changes_from_one_way_to_the_other_waits_until_the_gate_is_empty);
    tcase_add_test(tcase, two_definitions_over_the_same_participants_do_not_go_in_turn);
    tcase_add_test(tcase, a_return_to_parallel_that_does_not_last_makes_the_term_longer);
    tcase_add_test(tcase, more_are_tried_only_where_others_wait);
    tcase_add_test(tcase, the_participant_where_they_wait_prepares_last_as_a_trial);
    tcase_add_test(
        tcase, where_the_wait_goes_over_to_the_new_first_one_it_is_undone_and_not_soon_tried_again);
    tcase_add_test(tcase, two_definitions_over_the_same_participants_have_one_order);
    tcase_add_test(tcase, what_the_definition_says_is_not_changed);
    suite_add_tcase(suite, tcase);
    return suite;
}
