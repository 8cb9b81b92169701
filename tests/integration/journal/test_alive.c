/* Whether a node can write is told by the writes that succeed. */
#include <stdio.h>
#include <string.h>

#include "proxy.h"
#include "suites.h"

#define TIMEOUT_US UINT64_C(300000)
#define LEASE_US   UINT64_C(1500000)

static const char waits_for_nobody[] =
    "a commit waits for a synchronous standby: synchronous_standby_names is 'nobody', standbys "
    "connected: 0";

static void lead_through(struct world *world, struct node *node, const struct proxy *proxy)
{
    node_start(world, node,
               (struct node_options){.conninfo = proxy->conninfo,
                                     .lease_us = LEASE_US,
                                     .write_timeout_us = TIMEOUT_US});
    world_wait(world, journal_state(node->journal) == JOURNAL_LEADING);
}

static bool is_writable(struct node *node)
{
    struct journal_stats stats;
    journal_stats(node->journal, &stats);
    return stats.writable;
}

/* The connection lives and never answers: the batch is unknown, and is written again over a new
 * one; whether it had arrived or not, there is one verdict and one row. */
static void half_dead(enum proxy_swallow swallow)
{
    struct world world;
    struct node node;
    struct proxy proxy;
    struct journal_stats stats;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    lead_through(&world, &node, &proxy);
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 1);
    proxy_swallow(&proxy, swallow);
    append(&node, sample_gtid(&node, 1, 2), TXN_RECORD_DECISION);
    world_wait(&world, !is_writable(&node));
    world_wait(&world, node.verdicts.count == 2);
    ck_assert_int_eq(node.verdicts.list[1].verdict, TXN_WRITTEN);
    world_wait(&world, is_writable(&node));
    journal_stats(node.journal, &stats);
    ck_assert_uint_eq(stats.unknown_commits, 1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 2);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 2);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    proxy_finish(&proxy);
    world_finish(&world);
}

START_TEST(a_request_that_vanishes_is_written_again)
{
    half_dead(PROXY_SWALLOW_REQUESTS);
}
END_TEST

START_TEST(an_answer_that_vanishes_is_written_again)
{
    half_dead(PROXY_SWALLOW_ANSWERS);
}
END_TEST

/* Without any traffic it is noticed, too, and said once; questions go on over a new connection. */
START_TEST(an_idle_node_notices)
{
    struct world world;
    struct node node;
    struct proxy proxy;
    size_t before;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    lead_through(&world, &node, &proxy);
    before = node.states[JOURNAL_CONNECTING];
    proxy_freeze(&proxy, true);
    world_wait(&world, !is_writable(&node));
    world_wait(&world, node.states[JOURNAL_CONNECTING] > before);
    ck_assert_uint_le(node.states[JOURNAL_CONNECTING], before + 2);
    proxy_freeze(&proxy, false);
    world_wait(&world, is_writable(&node));
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

/* A node whose lane cannot write does not renew its leases, however well its keeper is: another one
 * takes over; and it goes on by itself when it can. */
START_TEST(who_can_not_write_loses_the_lease)
{
    struct world world;
    struct node a, b;
    struct proxy proxy;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    lead_through(&world, &a, &proxy);
    node_start(&world, &b, (struct node_options){.name = "b", .lease_us = LEASE_US});
    world_wait(&world, journal_state(b.journal) == JOURNAL_WAITING);
    proxy_swallow(&proxy, PROXY_SWALLOW_LANES);
    world_wait(&world, node_led(&b) == 16);
    ck_assert_int_eq(journal_state(a.journal), JOURNAL_CONNECTING);
    proxy_swallow(&proxy, PROXY_SWALLOW_NONE);
    world_wait(&world, node_led(&a) == 8);
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

/* A synchronous standby that is gone: commits wait for ever. When it is back, or no longer asked
 * for, the same node goes on, under the same epoch. */
START_TEST(a_lost_standby_is_told)
{
    struct world world;
    struct node node;
    struct proxy proxy;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    lead_through(&world, &node, &proxy);
    world_exec(&world, "set synchronous_commit = local");
    world_exec(&world, "alter system set synchronous_standby_names = 'nobody'");
    world_exec(&world, "select pg_reload_conf()");
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_BEGIN);
    world_wait(&world, !is_writable(&node));
    world_wait(&world, strstr(journal_trouble(node.journal), waits_for_nobody) != NULL);
    ck_assert_ptr_nonnull(strstr(node.told, waits_for_nobody));
    world_wait(&world, world_number(&world, "select count(*) from troth.lease where lease_until < "
                                            "clock_timestamp()") == 16);
    world_exec(&world, "alter system reset synchronous_standby_names");
    world_exec(&world, "select pg_reload_conf()");
    world_wait(&world, node.verdicts.count == 1);
    world_wait(&world, is_writable(&node));
    world_wait(&world, journal_trouble(node.journal)[0] == '\0');
    ck_assert_int_eq(node.verdicts.list[0].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

/* Lost before it leads: it takes no shards over, and says why. */
START_TEST(a_lost_standby_is_told_at_the_start)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    world_exec(&world, "set synchronous_commit = local");
    world_exec(&world, "alter system set synchronous_standby_names = 'nobody'");
    world_exec(&world, "select pg_reload_conf()");
    node_start(&world, &node,
               (struct node_options){.lease_us = LEASE_US, .write_timeout_us = TIMEOUT_US});
    world_wait(&world, strstr(journal_trouble(node.journal), waits_for_nobody) != NULL);
    ck_assert_int_eq(journal_state(node.journal), JOURNAL_CONNECTING);
    world_exec(&world, "alter system reset synchronous_standby_names");
    world_exec(&world, "select pg_reload_conf()");
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    ck_assert_str_eq(journal_trouble(node.journal), "");
    world_finish(&world);
}
END_TEST

/* Somebody's maintenance holds a lock. */
START_TEST(who_holds_the_lock_is_told)
{
    struct world world;
    struct node node;
    char words[160];
    world_init(&world, false);
    node_start(&world, &node,
               (struct node_options){.lease_us = LEASE_US, .write_timeout_us = TIMEOUT_US});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    world_exec(&world, "set application_name = 'vacuum of the night'");
    world_exec(&world, "begin; lock table troth.txn in access exclusive mode");
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_BEGIN);
    (void)snprintf(words, sizeof words,
                   "a write waits for a lock that session %d (user postgres, vacuum of the night) "
                   "holds",
                   PQbackendPID(world.admin));
    world_wait(&world, strcmp(journal_trouble(node.journal), words) == 0);
    world_exec(&world, "commit");
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_str_eq(journal_trouble(node.journal), "");
    world_finish(&world);
}
END_TEST

TCase *alive_tests(void)
{
    TCase *tests = tcase_create("alive");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_request_that_vanishes_is_written_again);
    tcase_add_test(tests, an_answer_that_vanishes_is_written_again);
    tcase_add_test(tests, an_idle_node_notices);
    tcase_add_test(tests, who_can_not_write_loses_the_lease);
    tcase_add_test(tests, a_lost_standby_is_told);
    tcase_add_test(tests, a_lost_standby_is_told_at_the_start);
    tcase_add_test(tests, who_holds_the_lock_is_told);
    return tests;
}
