#include <string.h>

#include "harness.h"
#include "suites.h"

static void append_step(struct node *node, troth_gtid gtid, uint64_t seq, const char *step)
{
    struct sample sample;
    sample_make(&sample, node, gtid, TXN_RECORD_STEP);
    sample.origin.mode = TXN_MODE_SAGA;
    sample.record.protocol = TXN_PROTOCOL_SAGA;
    sample.record.step_seq = (uint64_t)sample.record.epoch << 32 | seq;
    sample.record.step = (struct troth_span){step, strlen(step)};
    sample_append(node, &sample);
}

static void append_as(struct node *node, troth_gtid gtid, enum txn_record_kind kind,
                      enum txn_decision decision, enum txn_outcome outcome)
{
    struct sample sample;
    sample_make(&sample, node, gtid, kind);
    sample.origin.mode = TXN_MODE_SAGA;
    sample.record.protocol = TXN_PROTOCOL_SAGA;
    sample.record.decision = decision;
    sample.record.outcome = outcome;
    sample.record.publishes = outcome != TXN_OUTCOME_NONE;
    sample_append(node, &sample);
}

/* A new leader gets back what the steps did, in their order and byte for byte; the turn is there
 * with everything that was recorded before it. */
START_TEST(steps_come_back_as_they_were_written)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    troth_gtid gtid = sample_gtid(&a, 3, 1);
    append_as(&a, gtid, TXN_RECORD_BEGIN, TXN_UNDECIDED, TXN_OUTCOME_NONE);
    append_step(&a, gtid, 1, "{\"branch\":1,\"step\":\"done\",\"output\":{\"n\": 1e400}}");
    append_step(&a, gtid, 2, "{\"branch\":2,\"step\":\"waiting\",\"tries\":1}");
    append_step(&a, gtid, 3, "{\"branch\":2,\"step\":\"done\",\"output\":0.10}");
    append_as(&a, gtid, TXN_RECORD_DECISION, TXN_ABORT, TXN_OUTCOME_NONE);
    world_wait(&world, a.verdicts.count == 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(a.verdicts.list[i].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 0);
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 1);
    ck_assert_str_eq(b.loaded[0].steps,
                     "[{\"branch\":1,\"step\":\"done\",\"output\":{\"n\": 1e400}},"
                     "{\"branch\":2,\"step\":\"waiting\",\"tries\":1},"
                     "{\"branch\":2,\"step\":\"done\",\"output\":0.10}]");
    ck_assert_int_eq(b.loaded[0].decision, TXN_ABORT);
    ck_assert_int_eq(b.loaded[0].outcome, TXN_OUTCOME_NONE);
    append_step(&b, gtid, 1, "{\"branch\":2,\"step\":\"compensated\"}"); /* of its own epoch */
    append_as(&b, gtid, TXN_RECORD_OUTCOME, TXN_ABORT, TXN_OUTCOME_COMPENSATED);
    world_wait(&world, b.verdicts.count == 2);
    ck_assert_str_eq(world_text(&world, "select outcome from troth.txn"), "compensated");
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.record"), 4);
    world_finish(&world);
}
END_TEST

/* A turn and a commit exclude each other: they are the one row of their attempt. */
START_TEST(a_turn_and_a_commit_are_one_row)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 3, 1);
    append_as(&node, gtid, TXN_RECORD_DECISION, TXN_ABORT, TXN_OUTCOME_NONE);
    world_wait(&world, node.verdicts.count == 1);
    append_as(&node, gtid, TXN_RECORD_DECISION, TXN_COMMIT, TXN_OUTCOME_COMMITTED);
    world_wait(&world, node.verdicts.count == 2);
    ck_assert_int_eq(node.verdicts.list[1].verdict, TXN_ALREADY);
    ck_assert_int_eq(node.verdicts.list[1].standing, TXN_ABORT);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 0);
    world_finish(&world);
}
END_TEST

/* Why it fell back outlives the leader, and so does the protocol of the attempt that began. */
START_TEST(the_reason_of_a_fallback_comes_back)
{
    static const char reason[] = "{\"attempt\":1,\"cause\":\"timeout\",\"branch\":2}";
    struct world world;
    struct node a, b;
    struct sample sample;
    world_init(&world, false);
    node_lead(&world, &a);
    troth_gtid gtid = sample_gtid(&a, 3, 1);
    sample_make(&sample, &a, gtid, TXN_RECORD_ATTEMPT);
    sample.origin.mode = TXN_MODE_2PC_THEN_SAGA;
    sample.record.protocol = TXN_PROTOCOL_SAGA;
    sample.record.fallback = (struct troth_span){reason, sizeof reason - 1};
    sample_append(&a, &sample);
    world_wait(&world, a.verdicts.count == 1);
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 1);
    ck_assert_uint_eq(b.loaded[0].attempt, 2);
    ck_assert_int_eq(b.loaded[0].protocol, TXN_PROTOCOL_SAGA);
    ck_assert_int_eq(b.loaded[0].decision, TXN_UNDECIDED);
    ck_assert_str_eq(b.loaded[0].fallback, reason);
    ck_assert_str_eq(b.loaded[0].steps, "");
    world_finish(&world);
}
END_TEST

/* Records under one number take one row, whether they come in one batch or in several: the latest
 * holds, also when a batch is written again. */
START_TEST(what_only_counts_takes_one_row)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    troth_gtid gtid = sample_gtid(&a, 3, 1);
    append_as(&a, gtid, TXN_RECORD_BEGIN, TXN_UNDECIDED, TXN_OUTCOME_NONE);
    append_step(&a, gtid, 1, "{\"branch\":1,\"step\":\"waiting\",\"tries\":1}");
    append_step(&a, gtid, 1, "{\"branch\":1,\"step\":\"trying\",\"tries\":2}");
    append_step(&a, gtid, 1, "{\"branch\":1,\"step\":\"waiting\",\"tries\":2}");
    world_wait(&world, a.verdicts.count == 4);
    append_step(&a, gtid, 1, "{\"branch\":1,\"step\":\"waiting\",\"tries\":3}");
    world_wait(&world, a.verdicts.count == 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(a.verdicts.list[i].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.record"), 1);
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_str_eq(b.loaded[0].steps, "[{\"branch\":1,\"step\":\"waiting\",\"tries\":3}]");
    world_finish(&world);
}
END_TEST

TCase *saga_tests(void)
{
    TCase *tests = tcase_create("saga");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, steps_come_back_as_they_were_written);
    tcase_add_test(tests, what_only_counts_takes_one_row);
    tcase_add_test(tests, a_turn_and_a_commit_are_one_row);
    tcase_add_test(tests, the_reason_of_a_fallback_comes_back);
    return tests;
}
