#include <stdio.h>
#include <stdlib.h>

#include "proxy.h"
#include "suites.h"

#define OUTSTANDING                                                                                \
    32 /* transactions without verdicts at a time, so that there are many batches                  \
        */

#define LOSSES        16
#define LOSSES_MS_MAX 8000 /* with a pause that doubles up to two seconds it would be 15 s */

/* Appends begin, a step and decision of `count` transactions while `fault` does its
 * worst; then every append has exactly one verdict, every decision is there exactly once, and so is
 * its event. */
static void bombard(struct world *world, struct node *node, uint64_t count,
                    void (*fault)(void *arg, uint64_t done), void *arg)
{
    uint64_t done = 0;
    while (done < count) {
        while (done < count && 3 * done < node->verdicts.count + 3 * OUTSTANDING) {
            troth_gtid gtid = sample_gtid(node, (uint32_t)(done % 16), done + 1);

            append(node, gtid, TXN_RECORD_BEGIN);
            append(node, gtid, TXN_RECORD_STEP);
            append(node, gtid, TXN_RECORD_DECISION);
            done++;
        }
        journal_flush(node->journal);
        fault(arg, done);
        world_turn(world);
    }
    world_wait(world, node->verdicts.count >= 3 * count);
    ck_assert_uint_eq(node->verdicts.count, 3 * count);
    for (uint64_t i = 0; i < 3 * count; i++)
        ck_assert_int_eq(node->verdicts.list[i].verdict, TXN_WRITTEN);
    for (uint64_t i = 0; i < count; i += 37) {
        troth_gtid gtid = sample_gtid(node, (uint32_t)(i % 16), i + 1);

        ck_assert_uint_eq(node_verdicts_of(node, &gtid, TXN_RECORD_BEGIN), 1);
        ck_assert_uint_eq(node_verdicts_of(node, &gtid, TXN_RECORD_DECISION), 1);
    }
    ck_assert_int_eq(world_number(world, "select count(*) from troth.decided"), (long)count);
    ck_assert_int_eq(world_number(world, "select count(*) from troth.txn"), (long)count);
    ck_assert_int_eq(world_number(world, "select count(*) from troth.record"), (long)count);
    ck_assert_int_eq(world_number(world, "select count(*) from troth.outbox"), (long)count);
    ck_assert_int_eq(world_number(world, "select count(distinct id) from troth.outbox"),
                     (long)count);
    ck_assert_int_eq(world_number(world, "select max(epoch) from troth.shard"), 1);
}

struct cutter {
    struct proxy proxy;
    uint32_t random;
    enum proxy_cut cut;
    size_t budget_max;
};

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

static void cut_often(void *arg, uint64_t done)
{
    struct cutter *cutter = arg;
    (void)done;
    if (cutter->proxy.cut == PROXY_CUT_NONE)
        proxy_arm(&cutter->proxy, cutter->cut, next_random(&cutter->random) % cutter->budget_max);
}

static void bombard_cut(enum proxy_cut cut, size_t budget_max, uint32_t seed)
{
    struct world world;
    struct node node;
    struct journal_stats stats;
    struct cutter cutter = {.random = seed, .cut = cut, .budget_max = budget_max};
    world_init(&world, false);
    proxy_init(&cutter.proxy, &world);
    node_start(&world, &node, (struct node_options){.conninfo = cutter.proxy.conninfo});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    bombard(&world, &node, 400, cut_often, &cutter);
    journal_stats(node.journal, &stats);
    ck_assert_uint_gt(cutter.proxy.cuts, 20);
    ck_assert_uint_gt(stats.unknown_commits, 10);
    proxy_finish(&cutter.proxy);
    world_finish(&world);
}

/* The connection breaks anywhere within a request: the batch is written again until it has one
 * verdict. */
START_TEST(cut_within_requests)
{
    bombard_cut(PROXY_CUT_REQUEST, 40000, 7);
}
END_TEST

/* The connection breaks before or within the answer, when the COMMIT has most likely happened: the
 * same batch again finds its own rows. */
START_TEST(cut_within_answers)
{
    bombard_cut(PROXY_CUT_ANSWER, 6000, 11);
}
END_TEST

struct killer {
    struct world *world;
    uint64_t at;
    long killed;
};

static const char kill_sql[] =
    "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like "
    "'troth:%:lane:%' and datname = current_database()";

static void kill_lane(void *arg, uint64_t done)
{
    struct killer *killer = arg;
    if (done < killer->at)
        return;
    killer->at = done + 60;
    killer->killed += world_number(killer->world, kill_sql);
}

/* The lane's session is ended by an administrator again and again, also during its COMMIT. */
START_TEST(session_terminated)
{
    struct world world;
    struct node node;
    struct journal_stats stats;
    struct killer killer = {.world = &world};
    world_init(&world, false);
    node_lead(&world, &node);
    bombard(&world, &node, 2000, kill_lane, &killer);
    journal_stats(node.journal, &stats);
    ck_assert_int_gt(killer.killed, 20);
    ck_assert_uint_gt(stats.unknown_commits, 5);
    world_finish(&world);
}
END_TEST

/* A session that is lost says nothing against the next one: it is made at once, however many were
 * lost before. */
START_TEST(a_lost_session_is_followed_at_once)
{
    struct world world;
    struct node node;
    uint64_t began = world_now_ms();
    world_init(&world, false);
    node_lead(&world, &node);
    for (uint64_t i = 1; i <= LOSSES; i++) {
        append(&node, sample_gtid(&node, 1, i), TXN_RECORD_DECISION);
        world_wait(&world, world_number(&world, kill_sql) == 1);
        world_wait(&world, node.verdicts.count == i);
    }
    ck_assert_uint_lt(world_now_ms() - began, LOSSES_MS_MAX);
    world_finish(&world);
}
END_TEST

static bool lane_waits(struct world *world)
{
    return world_number(world, "select count(*) from pg_stat_activity where wait_event = 'SyncRep' "
                               "and application_name like 'troth:%:lane:%'") == 1;
}

/* A COMMIT that did not wait for its standby (a WARNING says so) is unknown: it is written again,
 * and has its verdict only when a COMMIT has waited. */
START_TEST(warning_at_commit)
{
    struct world world;
    struct node node;
    struct journal_stats stats = {0};
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "set synchronous_commit = local");
    world_exec(&world, "alter system set synchronous_standby_names = 'nobody'");
    world_exec(&world, "select pg_reload_conf()");
    world_wait(&world, world_number(&world, "select count(*) from pg_settings where name = "
                                            "'synchronous_standby_names' and setting = 'nobody'"));
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    world_wait(&world, lane_waits(&world));
    world_exec(&world, "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = "
                       "'SyncRep' and application_name like 'troth:%:lane:%'");
    world_wait(&world, (journal_stats(node.journal, &stats), stats.unknown_commits == 1));
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 1);
    ck_assert_uint_eq(node.verdicts.count, 0);
    world_wait(&world, lane_waits(&world));
    ck_assert_uint_eq(node.verdicts.count, 0);
    world_exec(&world, "alter system reset synchronous_standby_names");
    world_exec(&world, "select pg_reload_conf()");
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_int_eq(node.verdicts.list[0].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 1);
    world_finish(&world);
}
END_TEST

/* A failure of the database that is nobody's row's fault is tried again until it passes, and is
 * shown meanwhile. */
START_TEST(refused_for_a_while)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "alter table troth.outbox rename to outbox_away");
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    append(&node, sample_gtid(&node, 2, 2), TXN_RECORD_DECISION);
    world_wait(&world, journal_state(node.journal) != JOURNAL_LEADING);
    ck_assert_uint_eq(node.verdicts.count, 0);
    world_exec(&world, "alter table troth.outbox_away rename to outbox");
    world_wait(&world, node.verdicts.count == 2);
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    ck_assert_int_eq(node.verdicts.list[0].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    world_finish(&world);
}
END_TEST

TCase *unknown_tests(void)
{
    TCase *tests = tcase_create("unknown");
    tcase_set_timeout(tests, 480);
    tcase_add_test(tests, cut_within_requests);
    tcase_add_test(tests, cut_within_answers);
    tcase_add_test(tests, session_terminated);
    tcase_add_test(tests, a_lost_session_is_followed_at_once);
    tcase_add_test(tests, warning_at_commit);
    tcase_add_test(tests, refused_for_a_while);
    return tests;
}
