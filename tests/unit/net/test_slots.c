/* Slots: all or none, first come first served. */
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static struct slots *slots;
static struct channel *channels[3];
static uint16_t port;
static struct slots_waiter *granted[16];
static uint32_t granted_count;
static bool in_call;
static struct slots_waiter *cancel_at_grant;

/* Three channels with two slots each. */
static void setup(void)
{
    world_start(&world);
    port = participant_start(&world, 0, 0);
    for (int i = 0; i < 3; i++) {
        channels[i] = channel_to(&world, CHANNEL_BATCH, 2, &port, 1);
    }
    world.channel = channels[0];
    ck_assert_int_eq(slots_create(&slots), 0);
}

static void teardown(void)
{
    slots_destroy(slots);
    channel_destroy(channels[1]);
    channel_destroy(channels[2]);
    world_finish(&world);
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

static void reserve(struct slots_waiter *waiter, struct channel *const *list, uint32_t count)
{
    *waiter = (struct slots_waiter){.channels = list, .count = count, .granted = on_granted};
    in_call = true;
    slots_reserve(slots, waiter);
    in_call = false;
}

static void release(int i)
{
    in_call = true;
    slots_release(slots, channels[i]);
    in_call = false;
}

static uint32_t used(int i)
{
    struct channel_stats stats;
    channel_stats(channels[i], &stats);
    return stats.slots_used;
}

#define A  (&channels[0])
#define B  (&channels[1])
#define AB (&channels[0])

START_TEST(all_or_none)
{
    /* Who can not have all gets none: a waiter for A and B holds nothing of A while B is full. */
    struct slots_waiter w[4];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    reserve(&w[2], AB, 2);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    ck_assert_uint_eq(used(0), 0);
    ck_assert_uint_eq(used(1), 2);
    ck_assert(w[2].waiting);
    release(1);
    ck_assert_uint_eq(granted_count, 2);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_ptr_eq(granted[2], &w[2]);
    ck_assert_uint_eq(used(0), 1);
    ck_assert_uint_eq(used(1), 2);
}
END_TEST

START_TEST(no_overtaking)
{
    /* A waiter behind another that wants the same participant waits its turn, though it could have
     * its slot now: else the one before it might wait for ever. */
    struct slots_waiter w[5];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    slots_run(slots);
    reserve(&w[2], AB, 2);
    reserve(&w[3], A, 1);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    release(1);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 4);
    ck_assert_ptr_eq(granted[2], &w[2]);
    ck_assert_ptr_eq(granted[3], &w[3]);
}
END_TEST

START_TEST(no_overtaking_through_another)
{
    /* Also not through a third: the last shares nothing with the first, but with one that waits. */
    struct slots_waiter w[5];
    struct channel *const b_c[] = {channels[1], channels[2]};
    reserve(&w[0], A, 1);
    reserve(&w[1], A, 1);
    slots_run(slots);
    reserve(&w[2], AB, 2);
    reserve(&w[3], b_c, 2);
    reserve(&w[4], &channels[2], 1);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 5);
    ck_assert_ptr_eq(granted[2], &w[2]);
    ck_assert_ptr_eq(granted[3], &w[3]);
    ck_assert_ptr_eq(granted[4], &w[4]);
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
    reserve(&w[4], &channels[2], 1);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 4);
    ck_assert(w[2].waiting);
    ck_assert(!w[3].waiting);
    ck_assert(!w[4].waiting);
}
END_TEST

START_TEST(cancelled)
{
    /* A cancelled waiter is not granted and bars nobody. */
    struct slots_waiter w[5];
    reserve(&w[0], B, 1);
    reserve(&w[1], B, 1);
    reserve(&w[2], AB, 2);
    reserve(&w[3], A, 1);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    slots_cancel(slots, &w[2]);
    ck_assert(!w[2].waiting);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_ptr_eq(granted[2], &w[3]);
    ck_assert_uint_eq(used(0), 1);
}
END_TEST

START_TEST(cancelled_while_granting)
{
    /* One grant's callback may cancel a waiter that was to be told next: its slots come back. */
    struct slots_waiter w[2];
    reserve(&w[0], A, 1);
    reserve(&w[1], AB, 2);
    cancel_at_grant = &w[1];
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 1);
    ck_assert_uint_eq(used(0), 1);
    ck_assert_uint_eq(used(1), 0);
}
END_TEST

START_TEST(needed_twice)
{
    /* A participant that occurs twice needs two slots; more than it has at all are granted when
     * nobody else holds one. */
    struct channel *const a_a[] = {channels[0], channels[0]};
    struct channel *const a_a_a[] = {channels[0], channels[0], channels[0]};
    struct slots_waiter w[4];
    reserve(&w[0], A, 1);
    reserve(&w[1], a_a, 2);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 1);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    ck_assert_uint_eq(used(0), 2);
    reserve(&w[2], a_a_a, 3);
    reserve(&w[3], A, 1);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 2);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 3);
    ck_assert_uint_eq(used(0), 3);
}
END_TEST

static void announce(uint32_t n, const char *text)
{
    const struct http_header headers[] = {{HEADER_SLOTS, text}, {NULL, NULL}};
    send_op(&world, OP_STATUS, n);
    answer_status(&world, 0, n, 200, headers, "");
    WAIT_FOR(&world, got_for(&world, OP_STATUS, n) != NULL);
}

START_TEST(shrinking_announcement)
{
    /* When a participant announces fewer slots than are held, nobody loses his, and none is granted
     * until enough have come back; when it announces more, they are granted. */
    struct slots_waiter w[6];
    announce(0, "3");
    for (int i = 0; i < 6; i++) {
        reserve(&w[i], A, 1);
    }
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 3);
    announce(1, "1");
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 3);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(used(0), 1);
    ck_assert_uint_eq(granted_count, 3);
    release(0);
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 4);
    ck_assert_uint_eq(used(0), 1);
    announce(2, "3");
    slots_run(slots);
    ck_assert_uint_eq(granted_count, 6);
    ck_assert_uint_eq(used(0), 3);
}
END_TEST

START_TEST(never_more_than_there_are)
{
    /* Many waiters over random participants: never more held than there are, all served, and of
     * those that share a participant the earlier first. */
    enum { WAITERS = 16 };
    static struct slots_waiter w[WAITERS];
    static struct channel *lists[WAITERS][3];
    uint32_t random = 12345;
    for (int i = 0; i < WAITERS; i++) {
        uint32_t count = 0;
        random = random * 1103515245u + 12345u;
        uint32_t mask = 1 + (random >> 16) % 7;
        for (uint32_t k = 0; k < 3; k++) {
            if ((mask >> k & 1) != 0) {
                lists[i][count++] = channels[k];
            }
        }
        reserve(&w[i], lists[i], count);
    }
    for (uint32_t done = 0; done < WAITERS; done++) {
        slots_run(slots);
        ck_assert_uint_gt(granted_count, done);
        ck_assert(used(0) <= 2 && used(1) <= 2 && used(2) <= 2);
        for (uint32_t i = 0; i < granted[done]->count; i++) {
            slots_release(slots, granted[done]->channels[i]);
        }
    }
    ck_assert_uint_eq(granted_count, WAITERS);
    for (uint32_t i = 0; i < WAITERS; i++) {
        for (uint32_t k = i + 1; k < WAITERS; k++) {
            for (uint32_t a = 0; a < granted[i]->count; a++) {
                for (uint32_t b = 0; b < granted[k]->count; b++) {
                    ck_assert(granted[i]->channels[a] != granted[k]->channels[b] ||
                              granted[i] < granted[k]);
                }
            }
        }
    }
    ck_assert_uint_eq(used(0) + used(1) + used(2), 0);
}
END_TEST

Suite *slots_suite(void)
{
    Suite *suite = suite_create("slots");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, all_or_none);
    tcase_add_test(all, no_overtaking);
    tcase_add_test(all, no_overtaking_through_another);
    tcase_add_test(all, disjoint_waiters_pass);
    tcase_add_test(all, cancelled);
    tcase_add_test(all, cancelled_while_granting);
    tcase_add_test(all, needed_twice);
    tcase_add_test(all, shrinking_announcement);
    tcase_add_test(all, never_more_than_there_are);
    suite_add_tcase(suite, all);
    return suite;
}
