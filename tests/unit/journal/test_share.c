/* Who should have which shards: a room of nodes that look in turn and do as they are advised. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <journal/share.h>
#include <stdlib.h>

#define SHARDS 16u
#define NODES  4u
#define MOVES  200u /* in so many looks of everybody all is at rest */

/* Who has what, and nodes that look in turn and do at once what they are advised to. */
struct room {
    struct share_node nodes[NODES];
    struct share_shard shards[SHARDS];
    uint32_t moved;
};

static void room_init(struct room *room, uint32_t live)
{
    *room = (struct room){.moved = 0};
    for (uint32_t i = 0; i < live; i++)
        room->nodes[i] = (struct share_node){.live = true, .steady = true};
    for (uint32_t i = 0; i < SHARDS; i++)
        room->shards[i] = (struct share_shard){.holder = -1, .meant = -1};
}

static void look(struct room *room, uint32_t self)
{
    struct share_shard seen[SHARDS];
    struct share_advice advice;
    memcpy(seen, room->shards, sizeof seen);
    for (uint32_t i = 0; i < SHARDS; i++) {
        seen[i].mine = seen[i].holder == (int)self;
        seen[i].held = seen[i].holder >= 0 && !seen[i].mine;
    }
    for (uint32_t i = 0; i < NODES; i++)
        room->nodes[i].self = i == self;
    share_out(room->nodes, NODES, seen, SHARDS, &advice);
    for (uint32_t i = 0; i < advice.take_count; i++) {
        ck_assert_int_lt(room->shards[advice.take[i]].holder, 0);
        room->shards[advice.take[i]].holder = (int)self;
    }
    if (advice.gives) {
        ck_assert_int_eq(room->shards[advice.give].holder, (int)self);
        room->shards[advice.give].holder = advice.to;
        room->moved++;
    }
}

static uint32_t has(const struct room *room, uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        count += room->shards[i].holder == (int)node;
    return count;
}

static void settle(struct room *room)
{
    for (uint32_t i = 0; i < MOVES; i++)
        look(room, i % NODES);
    room->moved = 0;
    for (uint32_t i = 0; i < NODES; i++)
        look(room, i);
    ck_assert_uint_eq(room->moved, 0); /* nothing swings */
}

/* Whoever comes has its part, and all are at rest then. */
START_TEST(a_node_that_comes_gets_an_even_share)
{
    struct room room;
    room_init(&room, 1);
    settle(&room);
    ck_assert_uint_eq(has(&room, 0), 16);
    room.nodes[1] = room.nodes[0];
    settle(&room);
    ck_assert_uint_eq(has(&room, 0), 8);
    ck_assert_uint_eq(has(&room, 1), 8);
    room.nodes[2] = room.nodes[0];
    settle(&room);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_msg(has(&room, i) == 5 || has(&room, i) == 6, "%u has %u", i, has(&room, i));
}
END_TEST

/* What a dead one had is shared out by those that live, and nothing else moves. */
START_TEST(what_is_free_is_taken)
{
    struct room room;
    room_init(&room, 3);
    settle(&room);
    room.nodes[1].live = false;
    for (uint32_t i = 0; i < SHARDS; i++)
        if (room.shards[i].holder == 1)
            room.shards[i].holder = -1;
    settle(&room);
    ck_assert_uint_eq(has(&room, 0), 8);
    ck_assert_uint_eq(has(&room, 2), 8);
}
END_TEST

/* One that has just come, or that leaves, is given nothing. */
START_TEST(who_is_not_steady_or_leaves_is_given_nothing)
{
    struct room room;
    room_init(&room, 1);
    settle(&room);
    room.nodes[1] = (struct share_node){.live = true};
    room.nodes[2] = (struct share_node){.live = true, .steady = true, .leaving = true};
    settle(&room);
    ck_assert_uint_eq(has(&room, 0), 16);
    room.nodes[1].steady = true;
    settle(&room);
    ck_assert_uint_eq(has(&room, 1), 8);
    ck_assert_uint_eq(has(&room, 2), 0);
}
END_TEST

/* A shard that is kept for another one is not taken, and one that is kept for us is, above any
 * share. */
START_TEST(what_is_promised_goes_to_whom_it_is_meant_for)
{
    struct room room;
    struct share_advice advice;
    room_init(&room, 2);
    settle(&room);
    for (uint32_t i = 0; i < SHARDS; i++)
        room.shards[i].mine = room.shards[i].holder == 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        room.shards[i].held = room.shards[i].holder == 1;
    uint32_t free = 0;
    while (room.shards[free].holder != 1)
        free++;
    room.shards[free] = (struct share_shard){.holder = -1, .meant = 1};
    for (uint32_t i = 0; i < NODES; i++)
        room.nodes[i].self = i == 0;
    share_out(room.nodes, NODES, room.shards, SHARDS, &advice);
    ck_assert_uint_eq(advice.take_count, 0);
    ck_assert(!advice.gives && advice.moving);
    room.shards[free].meant = 0;
    share_out(room.nodes, NODES, room.shards, SHARDS, &advice);
    ck_assert_uint_eq(advice.take_count, 1);
    ck_assert_uint_eq(advice.take[0], free);
}
END_TEST

static TCase *share_tests(void)
{
    TCase *tests = tcase_create("share");
    tcase_add_test(tests, a_node_that_comes_gets_an_even_share);
    tcase_add_test(tests, what_is_free_is_taken);
    tcase_add_test(tests, who_is_not_steady_or_leaves_is_given_nothing);
    tcase_add_test(tests, what_is_promised_goes_to_whom_it_is_meant_for);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("journal");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, share_tests());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
