/* learn.c: a definition whose conflicts exceed a rate starts ordered for a while, and comes back.
 */
#include <check.h>

#include "suites.h"
#include <learn.h>

/* Two steps, at two participants. */
static const uint64_t apart[] = {1, 2};

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
        learn_conflict(&learn, i % 2, apart, 2, at(0));
    ck_assert_int_eq(learn.mode, LEARN_ORDERED);
    return learn;
}

START_TEST(few_conflicts_among_many_change_nothing)
{
    struct learn learn = {0};
    begin_many(&learn, 1000, 0);
    for (uint32_t i = 0; i < 49; i++)
        learn_conflict(&learn, 0, apart, 2, at(0));
    ck_assert(!learn_begin(&learn, at(1)).ordered);
    learn_conflict(&learn, 0, apart, 2, at(1));
    learn_conflict(&learn, 0, apart, 2, at(1));
    ck_assert(learn_begin(&learn, at(2)).ordered);
}
END_TEST

START_TEST(a_handful_is_chance)
{
    struct learn learn = {0};
    for (uint32_t second = 0; second < 10; second++) {
        begin_many(&learn, 3, second * LEARN_WINDOW_US);
        for (uint32_t i = 1; i < LEARN_CONFLICTS_MIN; i++)
            learn_conflict(&learn, 0, apart, 2, at(second * LEARN_WINDOW_US));
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

START_TEST(the_participant_with_nearly_all_conflicts_prepares_last)
{
    static const uint64_t two_at_one[] = {5, 2, 5};
    struct learn learn = {0};
    ck_assert_uint_eq(ordered().last_steps, 0); /* both sides are hot: the order of names */
    begin_many(&learn, 8, 0);
    learn_conflict(&learn, 0, two_at_one, 3, at(0));
    learn_conflict(&learn, 2, two_at_one, 3, at(0));
    learn_conflict(&learn, 0, two_at_one, 3, at(0));
    learn_conflict(&learn, 0, two_at_one, 3, at(0));
    ck_assert_int_eq(learn.mode, LEARN_ORDERED);
    ck_assert_uint_eq(learn.last_steps, 5);
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
    tcase_add_test(tcase, the_participant_with_nearly_all_conflicts_prepares_last);
    suite_add_tcase(suite, tcase);
    return suite;
}
