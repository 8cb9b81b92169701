#include <string.h>

#include "proxy.h"
#include "suites.h"

/* Somebody else raised a shard's epoch: what is written under the old one is fenced, nothing of it
 * is in the tables, and nothing more is accepted of that shard. The others go on. */
START_TEST(fenced_by_an_epoch)
{
    struct world world;
    struct node node;
    struct sample sample;
    world_init(&world, false);
    node_lead(&world, &node);
    sample_make(&sample, &node, sample_gtid(&node, 4, 1), TXN_RECORD_DECISION);
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 1);
    world_exec(&world, "update troth.shard set epoch = epoch + 1 where shard = 4");
    append(&node, sample_gtid(&node, 4, 2), TXN_RECORD_BEGIN);
    append(&node, sample_gtid(&node, 4, 2), TXN_RECORD_DECISION);
    append(&node, sample_gtid(&node, 4, 3), TXN_RECORD_ATTEMPT);
    append(&node, sample_gtid(&node, 4, 4), TXN_RECORD_DELEGATE);
    append(&node, sample_gtid(&node, 4, 5), TXN_RECORD_OUTCOME);
    append(&node, sample_gtid(&node, 4, 6), TXN_RECORD_END);
    append(&node, sample_gtid(&node, 4, 7), TXN_RECORD_BEGIN);
    append(&node, sample.origin.gtid, TXN_RECORD_STEP);
    journal_outbox_delete(node.journal, &sample.origin.gtid, sample.event.id);
    world_wait(&world, node.verdicts.count == 9);
    for (size_t i = 1; i < 9; i++)
        ck_assert_int_eq(node.verdicts.list[i].verdict, TXN_FENCED);
    ck_assert_int_eq(journal_shard(node.journal, 4), JOURNAL_SHARD_FOREIGN);
    ck_assert_uint_eq(node_led(&node), 15);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.txn"), 1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.record"), 0);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 1);
    ck_assert_int_eq(journal_append(node.journal, &sample.record, &sample.event),
                     TROTH_ERROR_FENCED);
    append(&node, sample_gtid(&node, 5, 1), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 10);
    ck_assert_int_eq(node.verdicts.list[9].verdict, TXN_WRITTEN);
    world_finish(&world);
}
END_TEST

/* A takeover slips in between nothing: a write that waited for its commit sees its epoch
 * [UNLOCKED]. */
START_TEST(fenced_by_an_epoch_it_waited_for)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "begin");
    world_exec(&world, "update troth.shard set epoch = epoch + 1");
    append(&node, sample_gtid(&node, 4, 1), TXN_RECORD_DECISION);
    world_wait(&world, world_number(&world, "select count(*) from pg_stat_activity where "
                                            "application_name like 'troth:%:lane:%' and "
                                            "wait_event_type = 'Lock' and "
                                            "datname = current_database()") == 1);
    ck_assert_uint_eq(node.verdicts.count, 0);
    world_exec(&world, "commit");
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_int_eq(node.verdicts.list[0].verdict, TXN_FENCED);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 0);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 0);
    world_finish(&world);
}
END_TEST

/* Another node leads everything, under the next epoch, when this one has ended. */
START_TEST(the_next_takes_over_at_the_end)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    ck_assert_uint_eq(journal_epoch(a.journal, 0), 1);
    node_start(&world, &b, (struct node_options){.name = "b", .lease_us = 1500000});
    world_wait(&world, journal_state(b.journal) != JOURNAL_CONNECTING);
    append(&a, sample_gtid(&a, 0, 1), TXN_RECORD_BEGIN);
    append(&a, sample_gtid(&a, 0, 2), TXN_RECORD_DECISION);
    world_wait(&world, a.verdicts.count == 2);
    node_stop(&a);
    world_wait(&world, node_led(&b) == 16);
    for (uint32_t shard = 0; shard < 16; shard++)
        ck_assert_uint_eq(journal_epoch(b.journal, shard), 2);
    ck_assert_uint_eq(b.loaded_count, 2);
    node_read_outbox(&world, &b);
    ck_assert_uint_eq(b.outbox_count, 1);
    world_finish(&world);
}
END_TEST

/* Two nodes of one name do not depose each other in turn: the second one says so and stops, while
 * the first one lives. Its next process takes over at once, when the first one is gone. */
START_TEST(of_one_name_the_second_is_refused)
{
    struct world world;
    struct node first, second, next;
    world_init(&world, false);
    node_start(&world, &first, (struct node_options){.lease_us = 3000000});
    world_wait(&world, journal_state(first.journal) == JOURNAL_LEADING);
    node_start(&world, &second, (struct node_options){0});
    world_wait(&world, journal_state(second.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(second.why, "called \"a\", too, lives"));
    ck_assert_int_eq(journal_state(first.journal), JOURNAL_LEADING);
    ck_assert_uint_eq(journal_epoch(first.journal, 0), 1);
    node_stop(&second);
    node_stop(&first);
    world_exec(&world, "update troth.lease set owner = '00000000-0000-0000-0000-000000000001', "
                       "node = 'a', lease_until = clock_timestamp() + interval '1 h'");
    world_exec(&world, "update troth.node set owner = '00000000-0000-0000-0000-000000000001', "
                       "live_until = clock_timestamp() + interval '1 h'"); /* as if killed */
    node_start(&world, &next, (struct node_options){0});
    world_wait(&world, journal_state(next.journal) == JOURNAL_LEADING);
    ck_assert_uint_eq(journal_epoch(next.journal, 0), 2);
    world_finish(&world);
}
END_TEST

/* Another node takes shards over while the first one has a batch of theirs in flight: the batch is
 * fenced, nothing of it is ever seen, and the first one leads what is left to it. */
START_TEST(takeover_with_a_batch_in_flight)
{
    struct world world;
    struct node first, second;
    world_init(&world, false);
    node_start(&world, &first,
               (struct node_options){.lease_us = 1500000, .write_timeout_us = 500000});
    world_wait(&world, node_led(&first) == 16);
    world_exec(&world, "begin");
    world_exec(&world, "lock table troth.txn in access exclusive mode");
    append(&first, sample_gtid(&first, 8, 1), TXN_RECORD_DECISION);
    append(&first, sample_gtid(&first, 9, 2), TXN_RECORD_DECISION);
    world_wait(&world, world_number(&world, "select count(*) from pg_stat_activity where "
                                            "application_name like 'troth:%:lane:%' and "
                                            "wait_event_type = 'Lock' and "
                                            "datname = current_database()") == 1);
    node_start(&world, &second, (struct node_options){.name = "b", .lease_us = 600000});
    world_wait(&world, journal_state(second.journal) == JOURNAL_WAITING);
    world_wait(&world, journal_epoch(second.journal, 8) == 2);
    world_exec(&world, "commit");
    world_wait(&world, first.verdicts.count == 2);
    ck_assert_int_eq(first.verdicts.list[0].verdict, TXN_FENCED);
    ck_assert_int_eq(first.verdicts.list[1].verdict, TXN_FENCED);
    ck_assert_int_eq(journal_shard(first.journal, 8), JOURNAL_SHARD_FOREIGN);
    world_wait(&world, journal_shard(second.journal, 8) == JOURNAL_SHARD_LED);
    append(&second, sample_gtid(&second, 8, 1), TXN_RECORD_DECISION);
    world_wait(&world, second.verdicts.count == 1);
    ck_assert_int_eq(second.verdicts.list[0].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 1);
    ck_assert_uint_eq(second.loaded_count, 0);
    world_finish(&world);
}
END_TEST

/* A node that is cut off stops writing by its own clock before another may take over; the other
 * does, and the first one, back again, writes nothing of before, and shares again. */
START_TEST(cut_off_past_the_lease)
{
    struct world world;
    struct node a, b;
    struct proxy proxy;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    node_start(&world, &a, (struct node_options){.conninfo = proxy.conninfo, .lease_us = 2000000});
    world_wait(&world, journal_state(a.journal) == JOURNAL_LEADING);
    proxy_freeze(&proxy, true);
    node_start(&world, &b, (struct node_options){.name = "b", .lease_us = 2000000});
    world_wait(&world, journal_state(b.journal) == JOURNAL_WAITING);
    world_wait(&world, node_led(&b) == 16);
    ck_assert_int_eq(journal_state(a.journal), JOURNAL_CONNECTING);
    append(&a, sample_gtid(&a, 0, 1), TXN_RECORD_DECISION);
    proxy_freeze(&proxy, false);
    world_wait(&world, a.verdicts.count == 1);
    ck_assert_int_eq(a.verdicts.list[0].verdict, TXN_FENCED);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 0);
    ck_assert_int_eq(journal_state(b.journal), JOURNAL_LEADING);
    world_wait(&world, node_led(&a) == 8 && node_led(&b) == 8);
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

/* Cut off past the lease, but nobody took over: on return it goes on under the same epoch, and what
 * had gathered is written. */
START_TEST(cut_off_and_back)
{
    struct world world;
    struct node a;
    struct proxy proxy;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    node_start(&world, &a, (struct node_options){.conninfo = proxy.conninfo, .lease_us = 600000});
    world_wait(&world, journal_state(a.journal) == JOURNAL_LEADING);
    proxy_freeze(&proxy, true);
    world_wait(&world, journal_state(a.journal) == JOURNAL_CONNECTING);
    append(&a, sample_gtid(&a, 0, 1), TXN_RECORD_DECISION);
    proxy_freeze(&proxy, false);
    world_wait(&world, a.verdicts.count == 1);
    ck_assert_int_eq(a.verdicts.list[0].verdict, TXN_WRITTEN);
    ck_assert_int_eq(journal_state(a.journal), JOURNAL_LEADING);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

static const struct loaded *loaded_of(const struct node *node, troth_gtid gtid)
{
    for (size_t i = 0; i < node->loaded_count; i++)
        if (troth_gtid_equal(&node->loaded[i].gtid, &gtid))
            return &node->loaded[i];
    ck_abort_msg("not loaded");
}

/* A new leader is given every open transaction as it stands, and the events in their order; ended
 * ones are left alone. */
START_TEST(loads_what_is_open)
{
    struct world world;
    struct node a, b;
    struct sample sample;
    troth_gtid gtids[6];
    world_init(&world, false);
    node_lead(&world, &a);
    for (size_t i = 1; i < 6; i++)
        gtids[i] = sample_gtid(&a, (uint32_t)(7 - i), i);
    sample_make(&sample, &a, gtids[1], TXN_RECORD_BEGIN);
    sample.origin.accepted = true;
    sample_append(&a, &sample);
    append(&a, gtids[2], TXN_RECORD_DECISION);
    sample_make(&sample, &a, gtids[3], TXN_RECORD_DELEGATE);
    sample.record.delegated_branch = 2;
    sample_append(&a, &sample);
    append(&a, gtids[4], TXN_RECORD_ATTEMPT);
    append(&a, gtids[5], TXN_RECORD_DECISION);
    append(&a, gtids[5], TXN_RECORD_END);
    world_wait(&world, a.verdicts.count == 6);
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 4);
    ck_assert(loaded_of(&b, gtids[1])->accepted);
    ck_assert_int_eq(loaded_of(&b, gtids[1])->decision, TXN_UNDECIDED);
    ck_assert_str_eq(loaded_of(&b, gtids[1])->input, "{\"from\":7,\"to\":9,\"amount\":120}");
    ck_assert_int_eq(loaded_of(&b, gtids[2])->decision, TXN_COMMIT);
    ck_assert_int_eq(loaded_of(&b, gtids[2])->outcome, TXN_OUTCOME_COMMITTED);
    ck_assert_ptr_nonnull(strstr(loaded_of(&b, gtids[2])->members, "bank_b"));
    ck_assert_uint_eq(loaded_of(&b, gtids[3])->delegated_branch, 2);
    ck_assert_uint_eq(loaded_of(&b, gtids[4])->attempt, 2);
    ck_assert_int_eq(loaded_of(&b, gtids[4])->decision, TXN_UNDECIDED);
    node_read_outbox(&world, &b);
    ck_assert_uint_eq(b.outbox_count, 2);
    ck_assert(troth_gtid_equal(&b.outbox[0].gtid, &gtids[5])); /* shard 2 before shard 5 */
    ck_assert(troth_gtid_equal(&b.outbox[1].gtid, &gtids[2]));
    ck_assert_str_eq(b.outbox[1].payload, "{\"amount\":0.10}");
    ck_assert_uint_eq(journal_outbox_seq(b.journal, 2), 1);
    world_finish(&world);
}
END_TEST

/* Loading pages through more than one page, each row once. */
START_TEST(loads_many)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    for (uint64_t i = 1; i <= 2500; i++)
        append(&a, sample_gtid(&a, (uint32_t)(i % 16), i), TXN_RECORD_DECISION);
    world_wait(&world, a.verdicts.count == 2500);
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 2500);
    node_read_outbox(&world, &b);
    ck_assert_uint_eq(b.outbox_count, 2500);
    world_finish(&world);
}
END_TEST

/* Loading reads what is open, however long the history is. */
START_TEST(loads_without_reading_history)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    append(&a, sample_gtid(&a, 1, 1), TXN_RECORD_DECISION);
    world_wait(&world, a.verdicts.count == 1);
    world_exec(&world,
               "insert into troth.txn select (n % 16)::int, gen_random_uuid(), 1, 1, '2pc', "
               "'2pc', false, false, 'ended', 0, 1, 0, 0, clock_timestamp(), "
               "clock_timestamp(), 'committed' from generate_series(1, 20000) n");
    world_exec(&world, "insert into troth.ended (gtid, shard, epoch, ended_at) select gtid, shard, "
                       "1, now() from troth.txn where state = 'ended'");
    world_exec(&world, "insert into troth.open select gtid, shard from troth.txn where state is "
                       "null");
    world_exec(&world, "update troth.shard set swept = (select gtid from troth.txn order by gtid "
                       "desc limit 1)");
    world_exec(&world, "analyze troth.txn");
    node_stop(&a);
    world_wait(&world, world_number(&world, "select count(*) from pg_stat_activity where "
                                            "application_name like 'troth%' and "
                                            "datname = current_database()") == 0);
    world_exec(&world, "select pg_stat_force_next_flush()"); /* what this test itself has read */
    world_exec(&world, "select pg_stat_reset()");
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 1);
    node_stop(&b);
    world_wait(&world, world_number(&world, "select idx_scan from pg_stat_user_indexes where "
                                            "indexrelname = 'open_pkey'") > 0);
    ck_assert_int_eq(world_number(&world, "select seq_tup_read from pg_stat_user_tables where "
                                          "relname = 'txn'"),
                     0);
    ck_assert_int_le(world_number(&world, "select sum(idx_tup_read) from pg_stat_user_indexes "
                                          "where relname = 'txn'"),
                     10);
    world_finish(&world);
}
END_TEST

/* A row that cannot be understood is reported and left alone; the others are loaded. */
START_TEST(loads_beside_a_damaged_row)
{
    struct world world;
    struct node a, b;
    world_init(&world, false);
    node_lead(&world, &a);
    append(&a, sample_gtid(&a, 1, 1), TXN_RECORD_BEGIN);
    append(&a, sample_gtid(&a, 1, 2), TXN_RECORD_BEGIN);
    world_wait(&world, a.verdicts.count == 2);
    troth_gtid damaged = sample_gtid(&a, 1, 1);
    world_exec(&world, "update troth.txn set mode = 'guess' where gtid = "
                       "(select min(gtid::text)::uuid from troth.txn)");
    node_stop(&a);
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, 1);
    ck_assert_uint_eq(b.refused_count, 1);
    ck_assert(troth_gtid_equal(&b.refused[0], &damaged));
    world_finish(&world);
}
END_TEST

TCase *takeover_tests(void)
{
    TCase *tests = tcase_create("takeover");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, fenced_by_an_epoch);
    tcase_add_test(tests, fenced_by_an_epoch_it_waited_for);
    tcase_add_test(tests, the_next_takes_over_at_the_end);
    tcase_add_test(tests, takeover_with_a_batch_in_flight);
    tcase_add_test(tests, of_one_name_the_second_is_refused);
    tcase_add_test(tests, cut_off_past_the_lease);
    tcase_add_test(tests, cut_off_and_back);
    tcase_add_test(tests, loads_what_is_open);
    tcase_add_test(tests, loads_many);
    tcase_add_test(tests, loads_without_reading_history);
    tcase_add_test(tests, loads_beside_a_damaged_row);
    return tests;
}
