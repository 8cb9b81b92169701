#include "harness.h"
#include "suites.h"

#define DAY_US UINT64_C(86400000000)

struct answer {
    bool come, found, forgotten;
};

static void on_inquiry(void *arg, int error, const struct journal_inquiry *inquiry)
{
    struct answer *answer = arg;
    ck_assert_int_eq(error, TROTH_OK);
    answer->come = true;
    answer->found = inquiry->found;
    answer->forgotten = inquiry->forgotten;
}

static struct answer ask(struct world *world, struct node *node, troth_gtid gtid)
{
    struct answer answer = {0};
    journal_inquire(node->journal, &gtid, 1, on_inquiry, &answer);
    world_wait(world, answer.come);
    return answer;
}

static void end_at(struct node *node, troth_gtid gtid, uint64_t wall_us)
{
    struct sample end;
    sample_make(&end, node, gtid, TXN_RECORD_END);
    end.record.at.us = wall_us;
    sample_append(node, &end);
}

static uint64_t database_us(struct world *world)
{
    return (uint64_t)world_number(world, "select (extract(epoch from now()) * 1000000)::int8");
}

/* Ended ones leave by age, with all their rows and keys, many shards and more than one batch of
 * them; from then on they are unknown. What is open stays, and so does what ended lately. */
START_TEST(what_ended_long_ago_leaves)
{
    struct world world;
    struct node node;
    struct answer answer;
    world_init(&world, false);
    node_start(&world, &node, (struct node_options){.retention_us = DAY_US});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    troth_gtid open = sample_gtid(&node, 3, 1), late = sample_gtid(&node, 3, 2);
    uint64_t now_us = database_us(&world);
    append(&node, open, TXN_RECORD_DECISION);
    append(&node, late, TXN_RECORD_DECISION);
    end_at(&node, late, now_us);
    for (uint64_t i = 3; i < 800; i++) {
        troth_gtid gtid = sample_gtid(&node, (uint32_t)(i % 2) + 3, i);

        append(&node, gtid, i % 3 == 0 ? TXN_RECORD_STEP : TXN_RECORD_DECISION);
        end_at(&node, gtid, now_us - 2 * DAY_US);
    }
    world_wait(&world, node.verdicts.count == 2 * 798 + 1);
    world_wait(&world, world_number(&world, "select count(*) from troth.txn") == 2);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.ended"), 1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.record"), 0);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.forgotten"), 2);
    answer = ask(&world, &node, sample_gtid(&node, 3, 798));
    ck_assert(!answer.found && answer.forgotten);
    answer = ask(&world, &node, sample_gtid(&node, 5, 798)); /* of a shard of which nothing left */
    ck_assert(!answer.found && !answer.forgotten);
    ck_assert(ask(&world, &node, open).found);
    ck_assert(ask(&world, &node, late).found);
    world_finish(&world);
}
END_TEST

TCase *retention_tests(void)
{
    TCase *tests = tcase_create("retention");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, what_ended_long_ago_leaves);
    return tests;
}
