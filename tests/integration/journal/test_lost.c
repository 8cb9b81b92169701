/* A journal that went back: rows that it acknowledged are taken out of it here, as a standby that
 * lagged never had them (tests/integration/test_lost_tail.py promotes one). */
#include <stdio.h>
#include <string.h>

#include "proxy.h"
#include "suites.h"

static const char kill_sql[] =
    "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like "
    "'troth:%:lane:%' and datname = current_database()";

static void write_record(struct node *node, troth_gtid gtid, enum txn_record_kind kind)
{
    struct sample sample;
    sample_make(&sample, node, gtid, kind);
    sample.record.delegated_branch = kind == TXN_RECORD_DELEGATE ? 2 : 0;
    sample_append(node, &sample);
}

/* A decision that is durable, and behind it one record of the kind. */
static void write_last(struct world *world, struct node *node, enum txn_record_kind kind)
{
    append(node, sample_gtid(node, 2, 1), TXN_RECORD_DECISION);
    world_wait(world, node->verdicts.count == 1);
    write_record(node, sample_gtid(node, 4, 1), kind);
    world_wait(world, node->verdicts.count == 2);
    ck_assert_int_eq(node->verdicts.list[1].verdict, TXN_WRITTEN);
}

/* As if the last commit, of the record of that kind, had not been there. */
static const char *const undo[TXN_RECORD_KIND_COUNT] = {
    [TXN_RECORD_BEGIN] = "delete from troth.txn where shard = 4",
    [TXN_RECORD_DELEGATE] = "update troth.txn set delegated_branch = 0 where shard = 4",
    [TXN_RECORD_STEP] = "delete from troth.record where shard = 4",
    [TXN_RECORD_DECISION] = ("with t as (update troth.txn set decision = null where shard = 4) "
                             "delete from troth.decision where shard = 4"),
    [TXN_RECORD_ATTEMPT] = "delete from troth.decision where shard = 4",
    [TXN_RECORD_OUTCOME] = "update troth.txn set outcome = null where shard = 4",
    [TXN_RECORD_END] = "delete from troth.ended where shard = 4",
};

/* Whatever was acknowledged last, its leader notices when it is missing: nothing is written over
 * it, the epochs go above all that were, and all below is lost. */
START_TEST(what_was_acknowledged_last_is_missed)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    write_last(&world, &node, (enum txn_record_kind)_i);
    world_exec(&world, undo[_i]);
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, "the journal went back"));
    ck_assert_int_eq(world_number(&world, "select min(epoch) from troth.shard"), 1025);
    ck_assert_int_eq(world_number(&world, "select min(lost) from troth.shard"), 1024);
    world_finish(&world);
}
END_TEST

/* And a connection that is lost with nothing behind it changes nothing. */
START_TEST(what_is_there_is_no_loss)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    write_last(&world, &node, (enum txn_record_kind)_i);
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    append(&node, sample_gtid(&node, 5, 9), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 3);
    ck_assert_int_eq(node.verdicts.list[2].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    ck_assert_int_eq(world_number(&world, "select max(lost) from troth.shard"), 0);
    world_finish(&world);
}
END_TEST

/* Its epoch alone is missing: another memory was about to have the same one [SAMEEPOCH]. */
START_TEST(an_epoch_that_was_raised_is_missed)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "update troth.shard set epoch = 0 where shard = 3");
    world_exec(&world, "update troth.lease set owner = gen_random_uuid(), node = 'earlier'");
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, "the journal went back"));
    ck_assert_int_eq(world_number(&world, "select epoch from troth.shard where shard = 3"), 1025);
    world_finish(&world);
}
END_TEST

/* Whoever is above it already has taken over, and has looked at the server's identity himself. */
START_TEST(who_leads_above_it_stays)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    write_last(&world, &node, TXN_RECORD_DECISION);
    world_exec(&world, undo[TXN_RECORD_DECISION]);
    world_exec(&world, "update troth.shard set epoch = 7");
    world_exec(&world, "update troth.lease set owner = gen_random_uuid(), node = 'later'");
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 7);
    world_finish(&world);
}
END_TEST

/* What left by age is not missing. */
START_TEST(what_left_by_age_is_no_loss)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    write_last(&world, &node, TXN_RECORD_DECISION);
    world_exec(&world, undo[TXN_RECORD_DECISION]);
    world_exec(&world, "insert into troth.forgotten (shard, mark) values (4, 1::bigint << 38 | 1)");
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    append(&node, sample_gtid(&node, 5, 9), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 3);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 1);
    world_finish(&world);
}
END_TEST

/* A participant has seen an epoch that the journal does not know of. */
START_TEST(an_epoch_that_a_participant_has_seen_is_left_behind)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    journal_epoch_seen(node.journal, 3, 1);         /* its own */
    journal_epoch_seen(node.journal, 4, 16000000u); /* nobody can have */
    write_last(&world, &node, TXN_RECORD_DECISION);
    ck_assert_int_eq(journal_state(node.journal), JOURNAL_LEADING);
    journal_epoch_seen(node.journal, 3, 70);
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.told, "a participant has seen epoch 70 of shard 3"));
    ck_assert_ptr_nonnull(strstr(node.why, "the journal went back"));
    ck_assert_int_eq(world_number(&world, "select epoch from troth.shard where shard = 3"), 1094);
    ck_assert_int_eq(world_number(&world, "select lost from troth.shard where shard = 3"), 1093);
    world_finish(&world);
}
END_TEST

/* It was seen because another node leads: then the journal has it, and nothing is lost. */
START_TEST(an_epoch_that_another_node_raised_is_no_loss)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "update troth.lease set owner = gen_random_uuid(), node = 'later'");
    world_exec(&world, "update troth.shard set epoch = 70");
    journal_epoch_seen(node.journal, 3, 70);
    world_wait(&world, node_led(&node) == 0);
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 70);
    ck_assert_int_eq(world_number(&world, "select max(lost) from troth.shard"), 0);
    world_finish(&world);
}
END_TEST

/* --- behind a restart: the server's identity ------------------------------------------------- */

struct heard {
    bool come;
    struct journal_inquiry inquiry;
};

static void on_inquiry(void *arg, int error, const struct journal_inquiry *inquiry)
{
    struct heard *heard = arg;
    ck_assert_int_eq(error, TROTH_OK);
    *heard = (struct heard){.come = true, .inquiry = *inquiry};
}

static struct journal_inquiry inquire(struct world *world, struct node *node, troth_gtid gtid)
{
    struct heard heard = {0};
    journal_inquire(node->journal, &gtid, 1, on_inquiry, &heard);
    world_wait(world, heard.come);
    return heard.inquiry;
}

/* A leader before, with one of each: undecided, decided, delegated. */
static void leave_open(struct world *world, troth_gtid ret_gtids[3])
{
    struct node node;
    node_lead(world, &node);
    for (uint64_t i = 0; i < 3; i++)
        ret_gtids[i] = sample_gtid(&node, 4, i + 1);
    append(&node, ret_gtids[0], TXN_RECORD_BEGIN);
    append(&node, ret_gtids[1], TXN_RECORD_DECISION);
    write_record(&node, ret_gtids[2], TXN_RECORD_DELEGATE);
    world_wait(world, node.verdicts.count == 3);
    node_stop(&node);
}

static bool is_doubtful(const struct node *node, troth_gtid gtid)
{
    for (size_t i = 0; i < node->loaded_count; i++)
        if (troth_gtid_equal(&node->loaded[i].gtid, &gtid))
            return node->loaded[i].doubtful;
    ck_abort_msg("it was not loaded");
    return false;
}

/* The leader before wrote on another timeline and waited for no standby: what it had acknowledged
 * may be missing. The epoch goes far above those that may have been, what is undecided is doubtful,
 * and what is not there is lost. */
START_TEST(another_timeline_is_a_loss)
{
    struct world world;
    struct node b;
    troth_gtid gtids[3];
    world_init(&world, false);
    leave_open(&world, gtids);
    ck_assert_str_eq(world_text(&world, "select distinct timeline from troth.shard"), "00000001");
    world_exec(&world, _i == 0 ? "update troth.shard set timeline = '00000009'"
                               : "update troth.shard set system = '42', synchronous = true");
    node_lead(&world, &b);
    ck_assert_ptr_nonnull(strstr(b.told, "the journal may have gone back: of 16 shards"));
    ck_assert_uint_eq(journal_epoch(b.journal, 4), 1025);
    ck_assert_int_eq(world_number(&world, "select min(lost) from troth.shard"), 1024);
    ck_assert(is_doubtful(&b, gtids[0]));
    ck_assert(!is_doubtful(&b, gtids[1]) && is_doubtful(&b, gtids[2]));
    struct journal_inquiry said = inquire(&world, &b, sample_gtid(&b, 4, 9));
    ck_assert(!said.found && !said.lost); /* of this epoch */
    struct troth_gtid_parts parts = {.shard = 4, .epoch = 900, .counter = 1};
    troth_gtid missing;
    ck_assert_int_eq(troth_gtid_make(&parts, &missing), TROTH_OK);
    said = inquire(&world, &b, missing);
    ck_assert(!said.found && said.lost);
    world_finish(&world);
}
END_TEST

/* Its commits waited for a standby: a promotion has lost nothing. */
START_TEST(a_synchronous_standby_lost_nothing)
{
    struct world world;
    struct node b;
    troth_gtid gtids[3];
    world_init(&world, false);
    leave_open(&world, gtids);
    world_exec(&world, "update troth.shard set timeline = '00000009', synchronous = true");
    node_lead(&world, &b);
    ck_assert_uint_eq(journal_epoch(b.journal, 4), 2);
    ck_assert(!is_doubtful(&b, gtids[0]));
    ck_assert_str_eq(world_text(&world, "select distinct timeline from troth.shard"), "00000001");
    world_finish(&world);
}
END_TEST

/* Who went on over a promotion, and found all its rows, leaves the new timeline to the next one. */
START_TEST(who_misses_nothing_notes_the_timeline)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    write_last(&world, &node, TXN_RECORD_DECISION);
    world_exec(&world, "update troth.shard set timeline = '00000009'");
    ck_assert_int_eq(world_number(&world, kill_sql), 1);
    append(&node, sample_gtid(&node, 5, 9), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 3);
    ck_assert_str_eq(world_text(&world, "select distinct timeline from troth.shard"), "00000001");
    world_finish(&world);
}
END_TEST

/* Its lease was over, and it comes back on another timeline: somebody else may have led, and be
 * lost with all that he wrote, however complete its own rows are [TIMELINE]. */
START_TEST(who_was_away_for_long_goes_by_the_timeline)
{
    struct world world;
    struct node node;
    struct proxy proxy;
    world_init(&world, false);
    proxy_init(&proxy, &world);
    node_start(&world, &node,
               (struct node_options){.conninfo = proxy.conninfo, .lease_us = 600000});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    proxy_freeze(&proxy, true);
    world_wait(&world, !journal_leads(node.journal));
    world_exec(&world, "select pg_terminate_backend(pid) from pg_stat_activity where "
                       "application_name like 'troth%' and datname = current_database()");
    world_exec(&world, "update troth.shard set timeline = '00000009'");
    proxy_freeze(&proxy, false);
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, "the journal went back"));
    ck_assert_int_eq(world_number(&world, "select min(epoch) from troth.shard"), 1025);
    proxy_finish(&proxy);
    world_finish(&world);
}
END_TEST

/* Commits wait for a standby from some moment on: the leader notes it with its next renewal. */
START_TEST(whether_commits_wait_is_kept_up)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_start(&world, &node, (struct node_options){.lease_us = 600000});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.shard where synchronous"), 0);
    world_exec(&world, "update troth.shard set synchronous = true");
    world_wait(&world,
               world_number(&world, "select count(*) from troth.shard where synchronous") == 0);
    world_finish(&world);
}
END_TEST

/* Whatever is written of it by the leader behind a loss makes an end of the doubt. */
START_TEST(a_doubt_ends_with_the_next_record)
{
    struct world world;
    struct node b, c;
    troth_gtid gtids[3];
    world_init(&world, false);
    leave_open(&world, gtids);
    world_exec(&world, "update troth.shard set timeline = '00000009'");
    node_lead(&world, &b);
    append(&b, gtids[0], TXN_RECORD_ATTEMPT);
    world_wait(&world, b.verdicts.count == 1);
    node_stop(&b);
    node_lead(&world, &c);
    ck_assert_uint_eq(journal_epoch(c.journal, 4), 1026);
    ck_assert(!is_doubtful(&c, gtids[0]));
    world_finish(&world);
}
END_TEST

TCase *lost_tests(void)
{
    TCase *tests = tcase_create("lost");
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, what_was_acknowledged_last_is_missed, 0, TXN_RECORD_KIND_COUNT);
    tcase_add_loop_test(tests, what_is_there_is_no_loss, 0, TXN_RECORD_KIND_COUNT);
    tcase_add_test(tests, an_epoch_that_was_raised_is_missed);
    tcase_add_test(tests, who_leads_above_it_stays);
    tcase_add_test(tests, what_left_by_age_is_no_loss);
    tcase_add_loop_test(tests, another_timeline_is_a_loss, 0, 2);
    tcase_add_test(tests, a_synchronous_standby_lost_nothing);
    tcase_add_test(tests, who_misses_nothing_notes_the_timeline);
    tcase_add_test(tests, an_epoch_that_a_participant_has_seen_is_left_behind);
    tcase_add_test(tests, an_epoch_that_another_node_raised_is_no_loss);
    tcase_add_test(tests, who_was_away_for_long_goes_by_the_timeline);
    tcase_add_test(tests, whether_commits_wait_is_kept_up);
    tcase_add_test(tests, a_doubt_ends_with_the_next_record);
    return tests;
}
