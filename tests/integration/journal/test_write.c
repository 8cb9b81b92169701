#include <string.h>

#include "harness.h"
#include "suites.h"

static void expect(const struct node *node, troth_gtid gtid, enum txn_record_kind kind,
                   enum txn_verdict verdict, enum txn_decision standing)
{
    const struct journal_verdict *got = node_verdict(node, &gtid, kind);
    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(got->verdict, verdict);
    ck_assert_int_eq(got->standing, standing);
}

/* Every kind of record is written, in the order of a transaction's life, each with one verdict. */
START_TEST(writes_a_life)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 3, 1);
    static const enum txn_record_kind life[] = {TXN_RECORD_BEGIN, TXN_RECORD_DECISION,
                                                TXN_RECORD_OUTCOME, TXN_RECORD_END};
    for (size_t i = 0; i < 4; i++) {
        struct sample sample;

        sample_make(&sample, &node, gtid, life[i]);
        if (life[i] == TXN_RECORD_END)
            sample.record.outcome = TXN_OUTCOME_MIXED;
        sample_append(&node, &sample);
        world_wait(&world, node.verdicts.count == i + 1);
        expect(&node, gtid, life[i], TXN_WRITTEN, TXN_UNDECIDED);
    }
    ck_assert_str_eq(world_text(&world,
                                "select state || ' ' || outcome || ' ' || attempt || ' ' || "
                                "(ended_at is not null) from troth.transaction"),
                     "ended mixed 1 true");
    ck_assert_str_eq(world_text(&world, "select decision || ' ' || outcome from troth.decided"),
                     "commit committed");
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 2);
    world_finish(&world);
}
END_TEST

/* A decision that stands is never changed: the second one is told what it says, and brings no event
 * of its own. */
START_TEST(says_what_stands)
{
    struct world world;
    struct node node;
    struct sample other;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 0, 1);
    append(&node, gtid, TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 1);
    sample_make(&other, &node, gtid, TXN_RECORD_DECISION);
    other.record.decision = TXN_ABORT;
    other.record.outcome = TXN_OUTCOME_ABORTED;
    sample_append(&node, &other);
    world_wait(&world, node.verdicts.count == 2);
    expect(&node, gtid, TXN_RECORD_DECISION, TXN_ALREADY, TXN_COMMIT);
    sample_make(&other, &node, gtid, TXN_RECORD_ATTEMPT);
    sample_append(&node, &other);
    sample_make(&other, &node, gtid, TXN_RECORD_BEGIN);
    other.record.members = text_span("[1,2,3]");
    sample_append(&node, &other);
    sample_make(&other, &node, gtid, TXN_RECORD_DELEGATE);
    other.record.delegated_branch = 1;
    sample_append(&node, &other);
    world_wait(&world, node.verdicts.count == 5);
    expect(&node, gtid, TXN_RECORD_ATTEMPT, TXN_ALREADY, TXN_COMMIT);
    expect(&node, gtid, TXN_RECORD_BEGIN, TXN_ALREADY, TXN_COMMIT);
    expect(&node, gtid, TXN_RECORD_DELEGATE, TXN_ALREADY, TXN_COMMIT);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 1);
    ck_assert_int_eq(world_number(&world, "select attempt from troth.txn"), 1);
    world_finish(&world);
}
END_TEST

/* An attempt's end and the next one's begin are one write; a commit of the ended attempt loses. */
START_TEST(ends_an_attempt_and_begins_the_next)
{
    struct world world;
    struct node node;
    struct sample attempt, commit;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 0, 1);
    append(&node, gtid, TXN_RECORD_BEGIN);
    sample_make(&attempt, &node, gtid, TXN_RECORD_ATTEMPT);
    attempt.record.protocol = TXN_PROTOCOL_SAGA;
    sample_append(&node, &attempt);
    sample_make(&commit, &node, gtid, TXN_RECORD_DECISION);
    sample_append(&node, &commit);
    world_wait(&world, node.verdicts.count == 3);
    expect(&node, gtid, TXN_RECORD_ATTEMPT, TXN_WRITTEN, TXN_UNDECIDED);
    expect(&node, gtid, TXN_RECORD_DECISION, TXN_ALREADY, TXN_ABORT);
    ck_assert_str_eq(world_text(&world, "select attempt || ' ' || protocol from troth.txn"),
                     "2 saga");
    commit.record.attempt = 2;
    sample_append(&node, &commit);
    world_wait(&world, node.verdicts.count == 4);
    expect(&node, gtid, TXN_RECORD_DECISION, TXN_WRITTEN, TXN_UNDECIDED);
    world_finish(&world);
}
END_TEST

/* One branch is delegated to once; the row says which. */
START_TEST(delegates_once)
{
    struct world world;
    struct node node;
    struct sample sample;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 0, 1);
    append(&node, gtid, TXN_RECORD_BEGIN);
    world_wait(&world, node.verdicts.count == 1);
    sample_make(&sample, &node, gtid, TXN_RECORD_DELEGATE);
    sample.record.delegated_branch = 1;
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 2);
    expect(&node, gtid, TXN_RECORD_DELEGATE, TXN_WRITTEN, TXN_UNDECIDED);
    sample.record.delegated_branch = 2;
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 3);
    expect(&node, gtid, TXN_RECORD_DELEGATE, TXN_ALREADY, TXN_UNDECIDED);
    ck_assert_int_eq(world_number(&world, "select delegated_branch from troth.txn"), 1);
    world_finish(&world);
}
END_TEST

/* A begin, a decision and an end of one transaction in one window leave as one batch, the begin
 * carried by the decision; each record has its verdict, in order. */
START_TEST(coalesces_begin_and_decision)
{
    struct world world;
    struct node node;
    struct journal_stats before, after;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 5, 1);
    journal_stats(node.journal, &before);
    append(&node, gtid, TXN_RECORD_BEGIN);
    append(&node, gtid, TXN_RECORD_DECISION);
    append(&node, gtid, TXN_RECORD_END);
    world_wait(&world, node.verdicts.count == 3);
    journal_stats(node.journal, &after);
    ck_assert_uint_eq(after.batches - before.batches, 1);
    ck_assert_int_eq(node.verdicts.list[0].kind, TXN_RECORD_BEGIN);
    ck_assert_int_eq(node.verdicts.list[1].kind, TXN_RECORD_DECISION);
    ck_assert_int_eq(node.verdicts.list[2].kind, TXN_RECORD_END);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(node.verdicts.list[i].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world,
                                  "select count(*) from troth.transaction t join troth.decided d "
                                  "using (shard, gtid) where t.state = 'ended' "
                                  "and t.steps is not null and d.members is not null"),
                     1);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 1);
    world_finish(&world);
}
END_TEST

/* What begins and ends in one window without a decision is written once, with the begin's members.
 */
START_TEST(coalesces_begin_and_end)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 5, 1);
    append(&node, gtid, TXN_RECORD_BEGIN);
    append(&node, gtid, TXN_RECORD_END);
    world_wait(&world, node.verdicts.count == 2);
    ck_assert_str_eq(world_text(&world, "select state || ' ' || (members like '%bank_b%') "
                                        "from troth.transaction"),
                     "ended true");
    world_finish(&world);
}
END_TEST

/* Is the verdict of that place of this one? */
static bool is_of(const struct node *node, size_t place, uint32_t shard, uint64_t counter)
{
    troth_gtid gtid = sample_gtid(node, shard, counter);
    return troth_gtid_equal(&node->verdicts.list[place].gtid, &gtid);
}

/* Lazy rows wait for company, but not for ever; a forced row takes along those of its own
 * transaction only. */
START_TEST(lazy_rows_leave_by_themselves)
{
    struct world world;
    struct node node;
    uint64_t began;
    world_init(&world, false);
    node_start(&world, &node, (struct node_options){.lazy_delay_us = 300000});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    began = world_now_ms();
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_BEGIN);
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_uint_ge(world_now_ms() - began, 290);
    began = world_now_ms();
    append(&node, sample_gtid(&node, 1, 2), TXN_RECORD_BEGIN);
    append(&node, sample_gtid(&node, 2, 3), TXN_RECORD_BEGIN);
    append(&node, sample_gtid(&node, 2, 3), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 4);
    ck_assert_uint_ge(world_now_ms() - began, 290);
    ck_assert_uint_eq(is_of(&node, 1, 2, 3) + is_of(&node, 2, 2, 3), 2); /* they did not wait */
    ck_assert(is_of(&node, 3, 1, 2));
    world_finish(&world);
}
END_TEST

/* A member list that grows replaces the row's: by a second begin, in another batch or the same. */
START_TEST(a_second_begin_brings_the_longer_list)
{
    struct world world;
    struct node node;
    struct sample begin;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 1, 1);
    sample_make(&begin, &node, gtid, TXN_RECORD_BEGIN);
    begin.record.members = text_span("[1]");
    sample_append(&node, &begin);
    world_wait(&world, node.verdicts.count == 1);
    begin.record.members = text_span("[1,2]");
    sample_append(&node, &begin);
    begin.record.members = text_span("[1,2,3]");
    sample_append(&node, &begin);
    world_wait(&world, node.verdicts.count == 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(node.verdicts.list[i].verdict, TXN_WRITTEN);
    ck_assert_str_eq(world_text(&world, "select members from troth.txn"), "[1,2,3]");
    world_finish(&world);
}
END_TEST

/* A thousand decisions, over all shards, share a few commits; each is there once, with one event,
 * and the events are numbered in the order of their appending. */
START_TEST(a_thousand_decisions_in_few_batches)
{
    struct world world;
    struct node node;
    struct journal_stats before, after;
    world_init(&world, false);
    node_lead(&world, &node);
    journal_stats(node.journal, &before);
    for (uint64_t i = 1; i <= 1000; i++) {
        troth_gtid gtid = sample_gtid(&node, (uint32_t)(i % 16), i);

        append(&node, gtid, TXN_RECORD_BEGIN);
        append(&node, gtid, TXN_RECORD_DECISION);
    }
    world_wait(&world, node.verdicts.count == 2000);
    journal_stats(node.journal, &after);
    ck_assert_uint_le(after.batches - before.batches, 4);
    ck_assert_uint_eq(after.rows - before.rows, 2000);
    for (size_t i = 0; i < 2000; i++)
        ck_assert_int_eq(node.verdicts.list[i].verdict, TXN_WRITTEN);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided d join troth.txn t "
                                          "using (shard, gtid) join troth.outbox o using "
                                          "(shard, gtid)"),
                     1000);
    ck_assert_int_eq(world_number(&world, "select count(*) from (select gtid, lag(gtid) over "
                                          "(partition by shard order by epoch, seq) as before "
                                          "from troth.outbox) x where before > gtid"),
                     0);
    world_finish(&world);
}
END_TEST

/* The idempotency key is written with whichever row of its transaction comes first. */
START_TEST(the_key_comes_with_the_first_row)
{
    struct world world;
    struct node node;
    struct sample sample;
    static const enum txn_record_kind first[] = {TXN_RECORD_BEGIN,    TXN_RECORD_DELEGATE,
                                                 TXN_RECORD_DECISION, TXN_RECORD_ATTEMPT,
                                                 TXN_RECORD_OUTCOME,  TXN_RECORD_END};
    world_init(&world, false);
    node_lead(&world, &node);
    for (size_t i = 0; i < 6; i++) {
        char key[16];

        snprintf(key, sizeof key, "key-%zu", i);
        sample_make(&sample, &node, sample_gtid(&node, 0, i + 1), first[i]);
        sample.origin.idempotency_key = text_span(key);
        sample.origin.request_hash = text_span("00ff");
        sample_append(&node, &sample);
        world_wait(&world, node.verdicts.count == i + 1);
        ck_assert_int_eq(world_number(&world, "select count(*) from troth.txn where "
                                              "idempotency_key is not null and "
                                              "request_hash = '00ff'"),
                         (long)i + 1);
    }
    world_finish(&world);
}
END_TEST

/* A confirmed event is deleted by its id, and no other one with it. */
START_TEST(deletes_confirmed_events)
{
    struct world world;
    struct node node;
    struct sample decision;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 2, 1);
    sample_make(&decision, &node, gtid, TXN_RECORD_DECISION);
    sample_append(&node, &decision);
    append(&node, gtid, TXN_RECORD_OUTCOME);
    world_wait(&world, node.verdicts.count == 2);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 2);
    journal_outbox_delete(node.journal, &gtid, decision.event.id);
    world_wait(&world, world_number(&world, "select count(*) from troth.outbox") == 1);
    ck_assert_str_eq(world_text(&world, "select left(id::text, 2) from troth.outbox"), "05");
    world_finish(&world);
}
END_TEST

/* A row that the database refuses stops nobody else: it is found, reported, and gets no verdict,
 * and neither do later rows of its transaction. */
START_TEST(a_poisoned_row_stops_nobody_else)
{
    struct world world;
    struct node node;
    struct sample bad;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid poisoned = sample_gtid(&node, 1, 500);
    for (uint64_t i = 1; i <= 100; i++) {
        append(&node, sample_gtid(&node, (uint32_t)(i % 16), i), TXN_RECORD_BEGIN);
        append(&node, sample_gtid(&node, (uint32_t)(i % 16), i), TXN_RECORD_DECISION);
        if (i == 37) {
            append(&node, poisoned, TXN_RECORD_BEGIN);
            sample_make(&bad, &node, poisoned, TXN_RECORD_DECISION);
            bad.event.payload = (struct troth_span){"{\"a\":\0}", 7}; /* no text of PostgreSQL's */
            sample_append(&node, &bad);
            append(&node, poisoned, TXN_RECORD_END);
        }
    }
    world_wait(&world, node.verdicts.count >= 200 && node.refused_count >= 2);
    ck_assert_uint_eq(node_verdicts_of(&node, &poisoned, TXN_RECORD_DECISION), 0);
    ck_assert_uint_eq(node_verdicts_of(&node, &poisoned, TXN_RECORD_END), 0);
    ck_assert(troth_gtid_equal(&node.refused[0], &poisoned));
    ck_assert(troth_gtid_equal(&node.refused[1], &poisoned));
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.decided"), 100);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.outbox"), 100);
    append(&node, poisoned, TXN_RECORD_OUTCOME);
    append(&node, sample_gtid(&node, 1, 501), TXN_RECORD_DECISION);
    world_wait(&world, node.refused_count == 3 &&
                           world_number(&world, "select count(*) from troth.decided") == 101);
    ck_assert_int_eq(journal_state(node.journal), JOURNAL_LEADING);
    world_finish(&world);
}
END_TEST

TCase *write_tests(void)
{
    TCase *tests = tcase_create("write");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, writes_a_life);
    tcase_add_test(tests, says_what_stands);
    tcase_add_test(tests, ends_an_attempt_and_begins_the_next);
    tcase_add_test(tests, delegates_once);
    tcase_add_test(tests, coalesces_begin_and_decision);
    tcase_add_test(tests, coalesces_begin_and_end);
    tcase_add_test(tests, lazy_rows_leave_by_themselves);
    tcase_add_test(tests, a_second_begin_brings_the_longer_list);
    tcase_add_test(tests, a_thousand_decisions_in_few_batches);
    tcase_add_test(tests, the_key_comes_with_the_first_row);
    tcase_add_test(tests, deletes_confirmed_events);
    tcase_add_test(tests, a_poisoned_row_stops_nobody_else);
    return tests;
}
