#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "suites.h"

/* Without assertions: each of Check's writes to a pipe. */
static void bare_append(struct node *node, uint32_t shard, uint64_t counter)
{
    struct troth_gtid_parts parts = {.unix_ms = 1795240489112 + counter,
                                     .shard = (uint16_t)shard,
                                     .epoch = journal_epoch(node->journal, shard),
                                     .counter = counter};
    struct sample sample;
    troth_gtid gtid;
    if (troth_gtid_make(&parts, &gtid) != TROTH_OK)
        abort();
    sample_make(&sample, node, gtid, TXN_RECORD_DECISION);
    if (journal_append(node->journal, &sample.record, &sample.event) != TROTH_OK)
        abort();
}

/* A thing to look at, not to fail on (performance.md): TROTH_TEST_RATE=<outstanding transactions>
 * prints how many decisions a second have their verdict. */
START_TEST(rate_of_decisions)
{
    const char *given = getenv("TROTH_TEST_RATE");
    uint64_t outstanding = given == NULL ? 64 : strtoull(given, NULL, 10);
    uint64_t count = given == NULL ? 2000 : 40000, done = 0, began;
    struct world world;
    struct node node;
    struct journal_stats before, after;
    world_init(&world, false);
    node_lead(&world, &node);
    journal_stats(node.journal, &before);
    began = world_now_ms();
    while (node.verdicts.count < count) {
        for (; done < count && done - node.verdicts.count < outstanding; done++)
            bare_append(&node, (uint32_t)(done % 16), done + 1);
        journal_flush(node.journal);
        world_turn(&world);
    }
    journal_stats(node.journal, &after);
    if (given != NULL)
        printf("outstanding=%llu decisions_per_s=%llu batches=%llu\n",
               (unsigned long long)outstanding,
               (unsigned long long)(count * 1000 / (world_now_ms() - began + 1)),
               (unsigned long long)(after.batches - before.batches));
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decision"), (long)count);
    world_finish(&world);
}
END_TEST

TCase *rate_tests(void)
{
    TCase *tests = tcase_create("rate");
    tcase_set_timeout(tests, 480);
    tcase_add_test(tests, rate_of_decisions);
    return tests;
}
