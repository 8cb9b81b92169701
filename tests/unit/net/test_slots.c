/* Slots: all or none; nobody waits behind who waits for somebody else; nobody waits for ever. */
#include <string.h>

#include "fixture.h"
#include "suites.h"

#define NEVER UINT64_MAX

static struct slots *slots;
static struct slots_pool pools[3];
static uint64_t now_us;
static struct slots_waiter *granted[256];
static uint32_t granted_count;
static struct slots_waiter *refused;
static uint32_t refused_at;
static uint64_t give_up_us;
static uint64_t late_us; /* the first hold of who wants B alone: then its slots and A's never come
                            back at the same time */
static bool in_call;
static struct slots_waiter *cancel_at_grant;

/* Three participants with two slots each, and as many places. */
static void setup(void)
{
    now_us = 1000000;
    granted_count = 0;
    refused = NULL;
    late_us = 0;
    give_up_us = 2000000;
    memset(pools, 0, sizeof(pools));
    for (int i = 0; i < 3; i++)
        pools[i].slots = pools[i].places = 2;
    ck_assert_int_eq(slots_create(&slots), 0);
}

static void teardown(void)
{
    slots_destroy(slots);
}

static void on_granted(struct slots_waiter *waiter)
{
    ck_assert(!in_call);
    ck_assert(!waiter->waiting);
    granted[granted_count++] = waiter;
    if (cancel_at_grant != NULL) {
        struct slots_waiter *other = cancel_at_grant;
        cancel_at_grant = NULL;
        slots_cancel(slots, other);
    }
}

static void on_refused(struct slots_waiter *waiter, uint32_t at)
{
    ck_assert(!in_call && !waiter->waiting);
    refused = waiter;
    refused_at = at;
}

static void reserve(struct slots_waiter *waiter, struct slots_pool *const *list, uint32_t count)
{
    *waiter = (struct slots_waiter){
        .pools = list, .count = count, .granted = on_granted, .refused = on_refused};
    in_call = true;
    slots_reserve(slots, waiter, now_us);
    in_call = false;
}

static void release(int i)
{
    slots_release(&pools[i], true, now_us);
}

static uint64_t run(void)
{
    return slots_run(slots, now_us);
}

static struct slots_pool *const abc[] = {&pools[0], &pools[1], &pools[2]};
#define A  (&abc[0])
#define B  (&abc[1])
#define C  (&abc[2])
#define AB (&abc[0])
#define BC (&abc[1])

START_TEST(all_or_none)
{
    /* Who cannot have all gets none: a waiter for A and B holds nothing of A while B is full. */
    struct slots_waiter w[4];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    reserve(&w[2], AB, 2);
    (void)run();
    ck_assert_uint_eq(granted_count, 2);
    ck_assert_uint_eq(pools[0].used, 0);
    ck_assert_uint_eq(pools[1].used, 2);
    ck_assert(w[2].waiting);
    release(1);
    ck_assert_uint_eq(granted_count, 2);
    (void)run();
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_ptr_eq(granted[2], &w[2]);
    ck_assert_uint_eq(pools[0].used, 1);
    ck_assert_uint_eq(pools[1].used, 2);
}
END_TEST

START_TEST(nobody_waits_behind_who_waits_for_another)
{
    /* B is full and nothing comes back there: who waits for A and B keeps nobody from A, nor from
     * C. What it may claim for a moment is one slot of A. */
    struct slots_waiter w[8];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    (void)run();
    now_us += 1000000;
    for (int i = 2; i < 5; i++)
        reserve(&w[i], AB, 2);
    reserve(&w[5], A, 1);
    reserve(&w[6], A, 1);
    reserve(&w[7], C, 1);
    uint64_t again_us = run();
    ck_assert(!w[5].waiting && !w[7].waiting); /* the second of A waits for the claim to end */
    ck_assert_uint_ne(again_us, 0);
    ck_assert_uint_le(again_us - now_us, 5000);
    now_us = again_us;
    (void)run();
    ck_assert(!w[6].waiting);
    ck_assert(w[2].waiting && w[3].waiting && w[4].waiting);
}
END_TEST

START_TEST(in_line_for_the_same)
{
    /* Two in line for one participant come in turn, whatever else they want. */
    struct slots_waiter w[5];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    (void)run();
    reserve(&w[2], AB, 2);
    reserve(&w[3], B, 1);
    reserve(&w[4], BC, 2);
    (void)run();
    for (uint32_t i = 2; i < 5; i++) {
        release(1);
        (void)run();
        ck_assert_uint_eq(granted_count, i + 1);
        ck_assert_ptr_eq(granted[i], &w[i]);
    }
}
END_TEST

START_TEST(disjoint_waiters_pass)
{
    /* Waiters that share no participant pass each other. */
    struct slots_waiter w[5];
    reserve(&w[0], A, 1);
    reserve(&w[1], A, 1);
    reserve(&w[2], A, 1);
    reserve(&w[3], B, 1);
    reserve(&w[4], C, 1);
    (void)run();
    ck_assert_uint_eq(granted_count, 4);
    ck_assert(w[2].waiting);
    ck_assert(!w[3].waiting);
    ck_assert(!w[4].waiting);
}
END_TEST

START_TEST(cancelled)
{
    /* A cancelled waiter is not granted and claims nothing. */
    struct slots_waiter w[5];
    pools[0].slots = pools[0].places = 1;
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    reserve(&w[2], AB, 2);
    reserve(&w[3], A, 1);
    (void)run();
    ck_assert_uint_eq(granted_count, 2);
    slots_cancel(slots, &w[2]);
    ck_assert(!w[2].waiting);
    (void)run();
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_ptr_eq(granted[2], &w[3]);
    ck_assert_uint_eq(pools[0].used, 1);
}
END_TEST

START_TEST(cancelled_while_granting)
{
    /* One grant's callback may cancel a waiter that was to be told next: its slots come back. */
    struct slots_waiter w[2];
    reserve(&w[0], A, 1);
    reserve(&w[1], AB, 2);
    cancel_at_grant = &w[1];
    (void)run();
    ck_assert_uint_eq(granted_count, 1);
    ck_assert_uint_eq(pools[0].used, 1);
    ck_assert_uint_eq(pools[0].held, 1);
    ck_assert_uint_eq(pools[1].used, 0);
}
END_TEST

START_TEST(needed_twice)
{
    /* A participant that occurs twice needs two slots; more than it has at all are granted when
     * nobody else holds one. Who needs one does not pass who needs two of the same. */
    struct slots_pool *const a_a[] = {&pools[0], &pools[0]};
    struct slots_pool *const a_a_a[] = {&pools[0], &pools[0], &pools[0]};
    struct slots_waiter w[5];
    reserve(&w[0], A, 1);
    reserve(&w[1], a_a, 2);
    reserve(&w[2], A, 1);
    (void)run();
    ck_assert_uint_eq(granted_count, 1);
    release(0);
    (void)run();
    ck_assert_uint_eq(granted_count, 2);
    ck_assert_uint_eq(pools[0].used, 2);
    slots_cancel(slots, &w[2]);
    reserve(&w[3], a_a_a, 3);
    reserve(&w[4], A, 1);
    release(0);
    (void)run();
    ck_assert_uint_eq(granted_count, 2);
    release(0);
    (void)run();
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_uint_eq(pools[0].used, 3);
}
END_TEST

START_TEST(shrinking_announcement)
{
    /* When a participant announces fewer slots than are held, nobody loses his, and none is granted
     * until enough have come back; when it announces more, they are granted. */
    struct slots_waiter w[6];
    pools[0].slots = pools[0].places = 3;
    for (int i = 0; i < 6; i++)
        reserve(&w[i], A, 1);
    (void)run();
    ck_assert_uint_eq(granted_count, 3);
    pools[0].slots = pools[0].places = 1;
    for (uint32_t left = 3; left > 1; left--) {
        release(0);
        (void)run();
        ck_assert_uint_eq(granted_count, 3);
    }
    release(0);
    (void)run();
    ck_assert_uint_eq(granted_count, 4);
    pools[0].slots = pools[0].places = 3;
    (void)run();
    ck_assert_uint_eq(granted_count, 6);
    ck_assert_uint_eq(pools[0].used, 3);
}
END_TEST

START_TEST(places_outlive_slots)
{
    /* A slot ends with phase 1; what may still be prepared keeps its place, of which a participant
     * that can keep more prepared has more. */
    struct slots_waiter w[6];
    pools[0].places = 4;
    for (int i = 0; i < 6; i++)
        reserve(&w[i], A, 1);
    (void)run();
    ck_assert_uint_eq(granted_count, 2);
    slots_end_phase1(&pools[0], now_us);
    slots_end_phase1(&pools[0], now_us);
    (void)run();
    ck_assert_uint_eq(granted_count, 4);
    slots_end_phase1(&pools[0], now_us);
    (void)run();
    ck_assert_uint_eq(granted_count, 4); /* four are prepared or about to be */
    slots_release(&pools[0], false, now_us);
    (void)run();
    ck_assert_uint_eq(granted_count, 5);
    ck_assert_uint_eq(pools[0].used, 2);
    ck_assert_uint_eq(pools[0].held, 4);
}
END_TEST

START_TEST(breaker)
{
    /* A failure makes wary: one in a while may try. Nothing heard for a second: who wants to
     * prepare there is refused, others are not touched. Anything heard ends it. */
    struct slots_waiter w[4];
    ck_assert(!breaker_failed(&pools[1], now_us));
    reserve(&w[0], B, 1);
    reserve(&w[1], AB, 2);
    reserve(&w[2], A, 1);
    uint64_t again_us = run();
    ck_assert_uint_eq(granted_count, 2);
    ck_assert(!w[0].waiting && w[1].waiting && !w[2].waiting);
    ck_assert_uint_eq(again_us, now_us + BREAKER_TRY_US);
    now_us = again_us;
    (void)run();
    ck_assert(!w[1].waiting);
    ck_assert(!breaker_failed(&pools[1], now_us));
    now_us += BREAKER_OPEN_US;
    ck_assert(breaker_failed(&pools[1], now_us));
    ck_assert(!breaker_failed(&pools[1], now_us)); /* it is open */
    reserve(&w[3], AB, 2);
    (void)run();
    ck_assert_ptr_eq(refused, &w[3]);
    ck_assert_uint_eq(refused_at, 1);
    breaker_heard(&pools[1]);
    release(0);
    release(1);
    release(1);
    reserve(&w[3], AB, 2);
    (void)run();
    ck_assert(!w[3].waiting);
}
END_TEST

/* --- a day at three participants ------------------------------------------------------------- */

/* Waiters that come, are granted, hold for a time, and come again. `hold_us` of a pool: how long
 * one slot of it is held by somebody alone; NEVER: it is dead, and who waits for it gives up after
 * give_up_us, as a prepare timeout does. */
#define RUNNERS 24u
#define STEP_US 500u

struct runner {
    struct slots_waiter waiter; /* first */
    struct slots_pool *list[3];
    uint64_t until_us, asked_us, longest_us;
    uint32_t rounds, given_up;
    bool holds;
};

static struct runner runners[RUNNERS];
static uint64_t hold_us[3];

static uint64_t hold_of(const struct runner *runner)
{
    uint64_t longest_us = 0;
    for (uint32_t i = 0; i < runner->waiter.count; i++) {
        uint64_t us = hold_us[runner->list[i] - pools];
        longest_us = us > longest_us ? us : longest_us;
    }
    return longest_us == NEVER ? give_up_us : longest_us;
}

static void on_runner_granted(struct slots_waiter *waiter)
{
    struct runner *runner = (struct runner *)(void *)waiter;
    uint64_t waited_us = now_us - runner->asked_us;
    runner->longest_us = waited_us > runner->longest_us ? waited_us : runner->longest_us;
    bool shifts = runner->rounds++ == 0 && runner->list[0] == &pools[1];
    runner->holds = true;
    runner->until_us = now_us + hold_of(runner) + (shifts ? late_us : 0);
}

static void ask(struct runner *runner)
{
    runner->asked_us = now_us;
    runner->waiter.granted = on_runner_granted;
    runner->waiter.refused = on_refused;
    slots_reserve(slots, &runner->waiter, now_us);
}

static void live(struct runner *runner)
{
    if (runner->holds && now_us >= runner->until_us) {
        for (uint32_t i = 0; i < runner->waiter.count; i++)
            slots_release(runner->list[i], true, now_us);
        runner->holds = false;
        ask(runner);
    } else if (runner->waiter.waiting && now_us - runner->asked_us >= give_up_us) {
        uint64_t waited_us = now_us - runner->asked_us;
        runner->longest_us = waited_us > runner->longest_us ? waited_us : runner->longest_us;
        runner->given_up++;
        slots_cancel(slots, &runner->waiter);
        ask(runner);
    }
}

/* `masks`: which pools each runner wants. */
static void day(const uint32_t masks[RUNNERS], uint64_t us)
{
    memset(runners, 0, sizeof(runners));
    for (uint32_t i = 0; i < RUNNERS; i++) {
        struct runner *runner = &runners[i];
        for (uint32_t k = 0; k < 3; k++)
            if ((masks[i] >> k & 1) != 0)
                runner->list[runner->waiter.count++] = &pools[k];
        runner->waiter.pools = runner->list;
        ask(runner);
    }
    for (uint64_t end_us = now_us + us; now_us < end_us; now_us += STEP_US) {
        for (uint32_t i = 0; i < RUNNERS; i++)
            live(&runners[i]);
        (void)run();
        for (int k = 0; k < 3; k++)
            ck_assert(pools[k].used <= pools[k].slots && pools[k].held <= pools[k].places);
    }
}

START_TEST(a_dead_participant_stops_nobody_else)
{
    /* A third wants A and B, of which B is dead; the others of A never wait for longer than their
     * own turn and a few claims take. Mutation: who waits bars all its pools: 2 s. */
    uint32_t masks[RUNNERS];
    for (uint32_t i = 0; i < RUNNERS; i++)
        masks[i] = i % 3 == 0 ? 3 : 1;
    pools[0].slots = 8;
    pools[0].places = 32;
    hold_us[0] = 5000;
    hold_us[1] = NEVER;
    pools[1].used = pools[1].held = 2; /* by calls that are never answered */
    day(masks, 20000000);
    for (uint32_t i = 0; i < RUNNERS; i++) {
        if (masks[i] == 1) {
            ck_assert_uint_lt(runners[i].longest_us, 60000);
            ck_assert_uint_gt(runners[i].rounds, 300);
        }
    }
}
END_TEST

START_TEST(who_wants_several_is_not_starved)
{
    /* All are alive and busy, at very different paces: who wants two of them gets them, though each
     * alone would always find somebody who wants less. Mutation: nothing is ever claimed: never. */
    static const uint64_t paces[][2] = {
        {4000, 4000}, {1000, 40000}, {100000, 100000}, {300000, 1000}};
    for (uint32_t p = 0; p < sizeof(paces) / sizeof(paces[0]); p++) {
        uint32_t masks[RUNNERS];
        for (uint32_t i = 0; i < RUNNERS; i++)
            masks[i] = i == 0 ? 3 : 1 + i % 2;
        teardown();
        setup();
        pools[0].slots = pools[1].slots = pools[0].places = pools[1].places = 1;
        hold_us[0] = paces[p][0];
        hold_us[1] = paces[p][1];
        late_us = STEP_US;
        give_up_us = NEVER;
        day(masks, 60000000);
        ck_assert_msg(runners[0].rounds > 5, "pace %u: %u rounds of who wants two, %u of one", p,
                      runners[0].rounds, runners[1].rounds);
    }
}
END_TEST

START_TEST(never_more_than_there_are)
{
    /* Many waiters over random participants: never more held than there are, and all are served. */
    uint32_t masks[RUNNERS];
    uint32_t random = 12345;
    for (uint32_t i = 0; i < RUNNERS; i++) {
        random = random * 1103515245u + 12345u;
        masks[i] = 1 + (random >> 16) % 7;
    }
    for (int k = 0; k < 3; k++) {
        hold_us[k] = 2000u * (uint64_t)(k + 1);
        pools[k].places = 3;
    }
    day(masks, 10000000);
    for (uint32_t i = 0; i < RUNNERS; i++) {
        ck_assert_uint_gt(runners[i].rounds, 10);
        ck_assert_uint_eq(runners[i].given_up, 0);
    }
}
END_TEST

/* --- how long they wait ------------------------------------------------------------------------
 */

START_TEST(how_long_one_more_would_wait_is_known_of_each_pool)
{
    struct slots_waiter w[5];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    (void)run();
    ck_assert_uint_eq(slots_wait_us(slots, &pools[1], now_us), 0); /* full, and nobody waits */
    now_us += 1000;
    reserve(&w[2], AB, 2); /* it lacks B, and only that */
    (void)run();
    now_us += 300;
    reserve(&w[3], B, 1);
    (void)run();
    ck_assert_uint_eq(slots_wait_us(slots, &pools[1], now_us), 300); /* the first one's */
    ck_assert_uint_eq(slots_wait_us(slots, &pools[0], now_us), 0);
    ck_assert_uint_eq(slots_wait_us(slots, &pools[2], now_us), 0);
    slots_cancel(slots, &w[2]);
    (void)run();
    now_us += 20;
    ck_assert_uint_eq(slots_wait_us(slots, &pools[1], now_us), 20);
    release(1);
    (void)run();
    ck_assert_uint_eq(slots_wait_us(slots, &pools[1], now_us), 0); /* it has its slot */
    reserve(&w[4], B, 1);
    (void)run();
    now_us += 7;
    slots_cancel(slots, &w[4]);
    ck_assert_uint_eq(slots_wait_us(slots, &pools[1], now_us), 0); /* also before the next round */
}
END_TEST

/* A line that has just become long: the first has not waited for long, the last one will. */
START_TEST(a_long_line_is_known_before_anybody_has_waited_it_out)
{
    static struct slots_waiter w[250];
    for (int i = 0; i < 120; i++)
        reserve(&w[i], B, 1);
    for (int i = 0; i < 100; i++) {
        now_us += 1000;
        (void)run();
        if (i % 2 == 1) { /* two slots, each held for 2 ms: a grant a millisecond */
            release(1);
            release(1);
        }
    }
    for (int i = 120; i < 250; i++)
        reserve(&w[i], B, 1);
    (void)run();
    uint64_t wait_us = slots_wait_us(slots, &pools[1], now_us);
    ck_assert_uint_gt(wait_us, 100000);
    ck_assert_uint_lt(wait_us, 200000);
    now_us += 1000000; /* nothing moves any more: what has been waited counts */
    ck_assert_uint_ge(slots_wait_us(slots, &pools[1], now_us), 1000000);
}
END_TEST

/* --- the breaker of a channel ---------------------------------------------------------------- */

START_TEST(a_breaker_closes_when_somebody_is_there_again)
{
    /* Nobody listens: the breaker opens, and a probe of its own closes it, though nothing is sent
     * any more. */
    static struct world world;
    uint16_t port = closed_port();
    world_start(&world);
    world.channel = channel_to(&world, CHANNEL_BATCH, 2, &port, 1);
    const struct slots_pool *pool = channel_pool(world.channel);
    for (uint32_t n = 0; pool->breaker != BREAKER_OPEN; n++) {
        send_op(&world, OP_PREPARE, n);
        WAIT_FOR(&world, got_for(&world, OP_PREPARE, n) != NULL);
        world_turn_for(&world, 20000);
    }
    (void)participant_start(&world, 0, port);
    WAIT_FOR(&world, world.participants[0].count > 0);
    answer_status(&world, 0, 0, 404, NULL, "");
    WAIT_FOR(&world, pool->breaker == BREAKER_CLOSED);
    world_finish(&world);
}
END_TEST

Suite *slots_suite(void)
{
    Suite *suite = suite_create("slots");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, all_or_none);
    tcase_add_test(all, nobody_waits_behind_who_waits_for_another);
    tcase_add_test(all, in_line_for_the_same);
    tcase_add_test(all, disjoint_waiters_pass);
    tcase_add_test(all, cancelled);
    tcase_add_test(all, cancelled_while_granting);
    tcase_add_test(all, needed_twice);
    tcase_add_test(all, shrinking_announcement);
    tcase_add_test(all, places_outlive_slots);
    tcase_add_test(all, breaker);
    tcase_add_test(all, a_dead_participant_stops_nobody_else);
    tcase_add_test(all, who_wants_several_is_not_starved);
    tcase_add_test(all, never_more_than_there_are);
    tcase_add_test(all, how_long_one_more_would_wait_is_known_of_each_pool);
    tcase_add_test(all, a_long_line_is_known_before_anybody_has_waited_it_out);
    suite_add_tcase(suite, all);
    TCase *channel = tcase_create("channel");
    tcase_set_timeout(channel, 60);
    tcase_add_test(channel, a_breaker_closes_when_somebody_is_there_again);
    suite_add_tcase(suite, channel);
    return suite;
}
