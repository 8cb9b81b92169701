#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "suites.h"

/* --- one answer at a time
 * ------------------------------------------------------------------------- */

struct answer {
    bool come;
    int error;
    struct journal_inquiry inquiry;
    struct journal_row row;
    char state[16], members[512], steps[256], history[256], input[256];
    troth_gtid gtid;
    char hash[80];
};

static void copy(char *text, size_t cap, struct troth_span span)
{
    if (span.data == NULL)
        snprintf(text, cap, "(absent)");
    else
        snprintf(text, cap, "%.*s", (int)span.len, span.data);
}

static void on_inquiry(void *arg, int error, const struct journal_inquiry *inquiry)
{
    struct answer *answer = arg;
    ck_assert(!answer->come);
    answer->come = true;
    answer->error = error;
    if (error == TROTH_OK)
        answer->inquiry = *inquiry;
    if (error == TROTH_OK)
        copy(answer->members, sizeof answer->members, inquiry->image.members);
}

static struct answer inquire(struct world *world, struct node *node, troth_gtid gtid,
                             uint32_t attempt)
{
    struct answer answer = {0};
    journal_inquire(node->journal, &gtid, attempt, on_inquiry, &answer);
    ck_assert(!answer.come);
    world_wait(world, answer.come);
    return answer;
}

static void on_row(void *arg, int error, const struct journal_row *row)
{
    struct answer *answer = arg;
    ck_assert(!answer->come);
    answer->come = true;
    answer->error = error;
    if (error != TROTH_OK)
        return;
    answer->row = *row;
    copy(answer->state, sizeof answer->state, row->state);
    copy(answer->steps, sizeof answer->steps, row->steps);
    copy(answer->history, sizeof answer->history, row->history);
    copy(answer->input, sizeof answer->input, row->image.origin.input);
}

static struct answer get(struct world *world, struct node *node, troth_gtid gtid)
{
    struct answer answer = {0};
    journal_get(node->journal, &gtid, on_row, &answer);
    ck_assert(!answer.come);
    world_wait(world, answer.come);
    return answer;
}

/* --- tests
 * ------------------------------------------------------------------------------------------ */

/* The cases of protocol.md, section 2: what the one statement tells for each of them. */
START_TEST(tells_what_an_inquiry_needs)
{
    struct world world;
    struct node node;
    struct sample sample;
    struct answer answer;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid decided = sample_gtid(&node, 1, 10), retried = sample_gtid(&node, 1, 11);
    troth_gtid begun = sample_gtid(&node, 1, 12), nowhere = sample_gtid(&node, 1, 13);
    append(&node, decided, TXN_RECORD_DECISION);
    append(&node, retried, TXN_RECORD_ATTEMPT);
    sample_make(&sample, &node, begun, TXN_RECORD_BEGIN);
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 3);

    /* 1: the shard's epoch, to compare with the gtid's */
    answer = inquire(&world, &node, decided, 1);
    ck_assert_uint_eq(answer.inquiry.shard_epoch, 1);
    /* 2: a decision of that attempt */
    ck_assert(answer.inquiry.found && !answer.inquiry.forgotten);
    ck_assert_int_eq(answer.inquiry.image.decision, TXN_COMMIT);
    ck_assert_uint_eq(answer.inquiry.image.attempt, 1);
    ck_assert_ptr_nonnull(strstr(answer.members, "bank_b"));
    answer = inquire(&world, &node, retried, 1);
    ck_assert_int_eq(answer.inquiry.image.decision, TXN_ABORT);
    ck_assert_uint_eq(answer.inquiry.image.attempt, 1);
    /* 3: a higher attempt than the row's; a row without decision */
    answer = inquire(&world, &node, decided, 2);
    ck_assert(answer.inquiry.found);
    ck_assert_int_eq(answer.inquiry.image.decision, TXN_UNDECIDED);
    ck_assert_uint_eq(answer.inquiry.highest_attempt, 1);
    answer = inquire(&world, &node, retried, 2);
    ck_assert(answer.inquiry.found);
    ck_assert_int_eq(answer.inquiry.image.decision, TXN_UNDECIDED);
    ck_assert_uint_eq(answer.inquiry.highest_attempt, 2);
    answer = inquire(&world, &node, begun, 1);
    ck_assert(answer.inquiry.found);
    ck_assert_int_eq(answer.inquiry.image.decision, TXN_UNDECIDED);
    ck_assert_uint_eq(answer.inquiry.highest_attempt, 1);
    /* 6: no row */
    answer = inquire(&world, &node, nowhere, 1);
    ck_assert(!answer.inquiry.found && !answer.inquiry.forgotten);
    /* 4: no row, and at or below the forgotten mark; one above it */
    char sql[128];
    snprintf(sql, sizeof sql, "update troth.shard set forgotten = %llu where shard = 1",
             (unsigned long long)troth_gtid_order(&nowhere));
    world_exec(&world, sql);
    answer = inquire(&world, &node, nowhere, 1);
    ck_assert(!answer.inquiry.found && answer.inquiry.forgotten);
    answer = inquire(&world, &node, sample_gtid(&node, 1, 14), 1);
    ck_assert(!answer.inquiry.found && !answer.inquiry.forgotten);
    answer = inquire(&world, &node, sample_gtid(&node, 2, 13), 1);
    ck_assert(!answer.inquiry.forgotten);
    /* 5: no row, and the gtid's epoch is older */
    world_exec(&world, "update troth.shard set epoch = 7 where shard = 3");
    answer = inquire(&world, &node, sample_gtid(&node, 3, 15), 1);
    ck_assert(!answer.inquiry.found);
    ck_assert_uint_eq(answer.inquiry.shard_epoch, 7);
    world_finish(&world);
}
END_TEST

/* A shard that does not exist is not found: the gtid is another journal's. */
START_TEST(knows_its_shards)
{
    struct world world;
    struct node node;
    struct troth_gtid_parts parts = {.unix_ms = 1, .shard = 99, .epoch = 1, .counter = 1};
    troth_gtid gtid;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), TROTH_OK);
    ck_assert_int_eq(inquire(&world, &node, gtid, 1).error, TROTH_ERROR_NOT_FOUND);
    ck_assert_int_eq(get(&world, &node, gtid).error, TROTH_ERROR_NOT_FOUND);
    world_finish(&world);
}
END_TEST

/* A transaction is shown as it stands: open, decided, ended. */
START_TEST(shows_a_transaction)
{
    struct world world;
    struct node node;
    struct answer answer;
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 1, 10);
    append(&node, gtid, TXN_RECORD_BEGIN);
    world_wait(&world, node.verdicts.count == 1);
    answer = get(&world, &node, gtid);
    ck_assert_str_eq(answer.state, "open");
    ck_assert_str_eq(answer.steps, "(absent)");
    ck_assert_int_eq(answer.row.image.outcome, TXN_OUTCOME_NONE);
    ck_assert_uint_eq(answer.row.decided_at.us, 0);
    append(&node, gtid, TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 2);
    answer = get(&world, &node, gtid);
    ck_assert_str_eq(answer.state, "open");
    ck_assert_int_eq(answer.row.image.outcome, TXN_OUTCOME_COMMITTED);
    append(&node, gtid, TXN_RECORD_END);
    world_wait(&world, node.verdicts.count == 3);
    answer = get(&world, &node, gtid);
    ck_assert_str_eq(answer.state, "ended");
    ck_assert_str_eq(answer.steps, "[{\"branch\":1,\"participant\":\"bank_a\"}]");
    ck_assert_str_eq(answer.history, "[{\"at\":\"0s\",\"moment\":\"began\"}]");
    ck_assert_uint_eq(answer.row.image.origin.began_at.us, (1795240489112 + 10) * 1000);
    ck_assert_uint_eq(answer.row.decided_at.us, (1795240489112 + 10) * 1000 + 500);
    ck_assert_uint_eq(answer.row.ended_at.us, (1795240489112 + 10) * 1000 + 500);
    ck_assert_uint_eq(answer.row.image.origin.prepare_timeout_us, 5000000);
    world_finish(&world);
}
END_TEST

/* Payloads come back byte for byte: numbers no double holds, an escaped NUL, any order of members.
 */
START_TEST(keeps_payload_bytes)
{
    struct world world;
    struct node node;
    struct sample sample;
    const char *input = "{ \"b\" : 0.10, \"a\":1e400,\"n\":9007199254740993,\"nul\":\"\\u0000\","
                        "\"b\":\"\xc3\xa9 \\ud83d\\ude00\" }";
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 1, 10);
    sample_make(&sample, &node, gtid, TXN_RECORD_DECISION);
    sample.origin.input = text_span(input);
    sample.event.payload = text_span(input);
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_str_eq(get(&world, &node, gtid).input, input);
    ck_assert_str_eq(world_text(&world, "select payload from troth.outbox"), input);
    world_finish(&world);
}
END_TEST

static void on_key(void *arg, int error, const troth_gtid *gtid, struct troth_span hash)
{
    struct answer *answer = arg;
    ck_assert(!answer->come);
    answer->come = true;
    answer->error = error;
    if (error == TROTH_OK) {
        answer->gtid = *gtid;
        copy(answer->hash, sizeof answer->hash, hash);
    }
}

/* A key leads to its transaction and the hash of its request, in its shard only. */
START_TEST(finds_keys)
{
    struct world world;
    struct node node;
    struct sample sample;
    struct answer answer = {0};
    world_init(&world, false);
    node_lead(&world, &node);
    troth_gtid gtid = sample_gtid(&node, 6, 10);
    sample_make(&sample, &node, gtid, TXN_RECORD_BEGIN);
    sample.origin.idempotency_key = text_span("order-17 '; drop table x; --");
    sample.origin.request_hash = text_span("c0ffee");
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 1);
    journal_key_find(node.journal, 6, sample.origin.idempotency_key, on_key, &answer);
    world_wait(&world, answer.come);
    ck_assert_int_eq(answer.error, TROTH_OK);
    ck_assert(troth_gtid_equal(&answer.gtid, &gtid));
    ck_assert_str_eq(answer.hash, "c0ffee");
    answer = (struct answer){0};
    journal_key_find(node.journal, 7, sample.origin.idempotency_key, on_key, &answer);
    world_wait(&world, answer.come);
    ck_assert_int_eq(answer.error, TROTH_ERROR_NOT_FOUND);
    answer = (struct answer){0};
    journal_key_find(node.journal, 7, (struct troth_span){"\0", 1}, on_key, &answer);
    world_wait(&world, answer.come);
    ck_assert_int_eq(answer.error, TROTH_ERROR_INVALID);
    world_finish(&world);
}
END_TEST

/* --- lists
 * ------------------------------------------------------------------------------------------ */

struct listed {
    troth_gtid gtids[64];
    size_t count;
    bool ended;
};

static bool on_listed(void *arg, int error, const struct journal_row *row)
{
    struct listed *listed = arg;
    ck_assert_int_eq(error, TROTH_OK);
    ck_assert(!listed->ended);
    if (row == NULL)
        listed->ended = true;
    else
        listed->gtids[listed->count++] = row->image.origin.gtid;
    return row != NULL;
}

static struct listed list(struct world *world, struct node *node, struct journal_filter filter)
{
    struct listed listed = {0};
    if (filter.limit == 0)
        filter.limit = 64;
    journal_list(node->journal, &filter, on_listed, &listed);
    world_wait(world, listed.ended);
    return listed;
}

/* 20 transactions over all shards; every fourth decided, every eighth ended, the first ten of
 * another definition, the last with another participant. */
static void list_fill(struct world *world, struct node *node)
{
    for (uint64_t i = 1; i <= 20; i++) {
        struct sample sample;

        sample_make(&sample, node, sample_gtid(node, (uint32_t)(i * 7 % 16), i),
                    i % 4 == 0 ? TXN_RECORD_DECISION : TXN_RECORD_BEGIN);
        if (i <= 10)
            sample.origin.definition = text_span("checkout");
        if (i == 20)
            sample.record.members = text_span("[{\"branch\":1,\"participant\":\"rare\"}]");
        sample_append(node, &sample);
        if (i % 8 == 0)
            append(node, sample.origin.gtid, TXN_RECORD_END);
    }
    world_wait(world, node->verdicts.count == 22);
}

/* Lists come newest first, filtered by each thing that can be asked for. */
START_TEST(lists_with_filters)
{
    struct world world;
    struct node node;
    struct listed listed;
    world_init(&world, false);
    node_lead(&world, &node);
    list_fill(&world, &node);
    listed = list(&world, &node, (struct journal_filter){0});
    ck_assert_uint_eq(listed.count, 20);
    for (uint64_t i = 0; i < 20; i++) {
        troth_gtid expected = sample_gtid(&node, (uint32_t)((20 - i) * 7 % 16), 20 - i);

        ck_assert(troth_gtid_equal(&listed.gtids[i], &expected));
    }
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.state = "ended"}).count, 2);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.state = "open"}).count, 18);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.outcome = "committed"}).count,
                      5);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.outcome = "mixed"}).count, 0);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.definition = "checkout"}).count,
                      10);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.participant = "rare"}).count, 1);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.participant = "bank_b"}).count,
                      19);
    ck_assert_uint_eq(list(&world, &node, (struct journal_filter){.participant = "bank"}).count, 0);
    listed = list(&world, &node,
                  (struct journal_filter){.before = {(1795240489112 + 5) * 1000}, .state = "open"});
    ck_assert_uint_eq(listed.count, 4);
    world_finish(&world);
}
END_TEST

/* Pages follow each other without a gap or a repetition, also where transactions began at the same
 * moment, and behind a transaction that is gone. */
START_TEST(lists_page_by_page)
{
    struct world world;
    struct node node;
    struct journal_filter filter = {.limit = 3};
    struct listed all;
    size_t seen = 0;
    world_init(&world, false);
    node_lead(&world, &node);
    list_fill(&world, &node);
    world_exec(&world, "update troth.txn set began_at = (select max(began_at) from troth.txn) "
                       "where definition = 'transfer'");
    all = list(&world, &node, (struct journal_filter){0});
    ck_assert_uint_eq(all.count, 20);
    for (;;) {
        struct listed page = list(&world, &node, filter);

        for (size_t i = 0; i < page.count; i++)
            ck_assert(troth_gtid_equal(&page.gtids[i], &all.gtids[seen++]));
        if (page.count < 3)
            break;
        filter.has_cursor = true;
        filter.cursor = page.gtids[2];
    }
    ck_assert_uint_eq(seen, 20);
    filter.cursor = sample_gtid(&node, 6 * 7 % 16, 6);
    world_exec(&world, "delete from troth.txn where gtid = (select gtid from troth.txn where "
                       "definition = 'checkout' order by began_at offset 5 limit 1)");
    troth_gtid next = sample_gtid(&node, 5 * 7 % 16, 5);
    ck_assert(troth_gtid_equal(&list(&world, &node, filter).gtids[0], &next));
    world_finish(&world);
}
END_TEST

/* 6,000 more transactions, older than those of list_fill; only the five oldest are at "mail". */
static void history_fill(struct world *world)
{
    world_exec(world, "insert into troth.txn (shard, gtid, epoch, attempt, protocol, mode, "
                      "interactive, accepted, state, began_at, ended_at, outcome, definition, "
                      "steps) select 0, ('018bcfe5-6800-8000-8000-' || "
                      "lpad(to_hex(i), 12, '0'))::uuid, 1, 1, '2pc', '2pc', false, false, "
                      "'ended', to_timestamp(1600000000 + i / 7), to_timestamp(1600000001 + i), "
                      "'committed', 'order', '[{\"branch\":1,\"participant\":\"' || "
                      "case when i < 5 then 'mail' else 'bank' end || '\",\"operation\":\"x\","
                      "\"state\":\"committed\"}]' from generate_series(0, 5999) i");
}

static bool is_ith_of_history(const troth_gtid *gtid, uint32_t i)
{
    const uint8_t *end = &gtid->bytes[sizeof gtid->bytes - 4];
    return ((uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3]) == i;
}

/* What is rare is found behind many that are looked through in vain, and pages follow each other
 * there, too. */
START_TEST(lists_what_is_rare_in_a_long_history)
{
    struct world world;
    struct node node;
    struct journal_filter filter = {.participant = "mail", .limit = 3};
    struct listed listed;
    world_init(&world, false);
    node_lead(&world, &node);
    list_fill(&world, &node);
    history_fill(&world);
    listed = list(&world, &node, filter);
    ck_assert_uint_eq(listed.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(is_ith_of_history(&listed.gtids[i], 4 - i));
    filter.has_cursor = true;
    filter.cursor = listed.gtids[2];
    listed = list(&world, &node, filter);
    ck_assert_uint_eq(listed.count, 2);
    ck_assert(is_ith_of_history(&listed.gtids[1], 0));
    filter = (struct journal_filter){.definition = "checkout"};
    ck_assert_uint_eq(list(&world, &node, filter).count, 10);
    filter = (struct journal_filter){.outcome = "mixed", .state = "ended"};
    ck_assert_uint_eq(list(&world, &node, filter).count, 0);
    world_finish(&world);
}
END_TEST

/* What is common is found in full, over the ends of windows, in order and once. */
START_TEST(lists_over_windows_without_a_gap)
{
    struct world world;
    struct node node;
    struct journal_filter filter = {.participant = "bank", .state = "ended", .limit = 64};
    uint32_t next = 5999;
    world_init(&world, false);
    node_lead(&world, &node);
    history_fill(&world);
    world_exec(&world,
               "update troth.txn set steps = '[]' where began_at < to_timestamp(1600000800) "
               "and gtid::text !~ '[05]$'");
    for (size_t seen = 0; seen < 640;) {
        struct listed page = list(&world, &node, filter);

        ck_assert_uint_eq(page.count, 64);
        for (size_t i = 0; i < page.count; i++, seen++) {
            ck_assert(is_ith_of_history(&page.gtids[i], next));
            do {
                next--;
            } while (next / 7 < 800 && next % 16 != 0 && next % 16 != 5);
        }
        filter.has_cursor = true;
        filter.cursor = page.gtids[page.count - 1];
    }
    world_finish(&world);
}
END_TEST

static void on_row_before_list(void *arg, int error, const struct journal_row *row)
{
    const struct listed *listed = arg;
    (void)row;
    ck_assert_int_eq(error, TROTH_ERROR_NOT_FOUND);
    ck_assert(!listed->ended);
    ((struct listed *)arg)->count++;
}

/* A question that comes behind a long list is answered before its end. */
START_TEST(a_list_holds_up_nobody)
{
    struct world world;
    struct node node;
    struct listed listed = {0};
    struct journal_filter filter = {.participant = "nobody", .limit = 10};
    world_init(&world, false);
    node_lead(&world, &node);
    history_fill(&world);
    troth_gtid gtid = sample_gtid(&node, 1, 1);
    journal_list(node.journal, &filter, on_listed, &listed);
    journal_get(node.journal, &gtid, on_row_before_list, &listed);
    world_wait(&world, listed.ended);
    ck_assert_uint_eq(listed.count, 1);
    world_finish(&world);
}
END_TEST

/* With the database away each question is answered, with nothing known; then all is well again. */
START_TEST(answers_when_nothing_is_known)
{
    struct world world;
    struct node node;
    struct answer answer = {0};
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "begin");
    world_exec(&world, "lock table troth.txn in access exclusive mode");
    troth_gtid gtid = sample_gtid(&node, 1, 1);
    journal_get(node.journal, &gtid, on_row, &answer);
    world_wait(&world, world_number(&world, "select count(*) from pg_stat_activity where "
                                            "application_name = 'troth reader' and "
                                            "wait_event_type = 'Lock' and "
                                            "datname = current_database()") == 1);
    world_exec(&world, "select pg_terminate_backend(pid) from pg_stat_activity where "
                       "application_name = 'troth reader' and datname = current_database()");
    world_wait(&world, answer.come);
    ck_assert_int_eq(answer.error, TROTH_ERROR_UNAVAILABLE);
    world_exec(&world, "commit");
    ck_assert_int_eq(get(&world, &node, gtid).error, TROTH_ERROR_NOT_FOUND);
    world_finish(&world);
}
END_TEST

/* A host that stops: whoever asked is answered before the memory goes, and whoever asks later. */
START_TEST(hanging_up_answers_everybody)
{
    struct world world;
    struct node node;
    struct answer waits = {0}, late = {0};
    world_init(&world, false);
    node_lead(&world, &node);
    world_exec(&world, "begin");
    world_exec(&world, "lock table troth.txn in access exclusive mode");
    troth_gtid gtid = sample_gtid(&node, 1, 1);
    journal_get(node.journal, &gtid, on_row, &waits);
    world_wait(&world, world_number(&world, "select count(*) from pg_stat_activity where "
                                            "application_name = 'troth reader' and "
                                            "wait_event_type = 'Lock' and "
                                            "datname = current_database()") == 1);
    journal_hang_up(node.journal);
    ck_assert(waits.come);
    ck_assert_int_eq(waits.error, TROTH_ERROR_UNAVAILABLE);
    journal_get(node.journal, &gtid, on_row, &late);
    ck_assert(late.come);
    ck_assert_int_eq(late.error, TROTH_ERROR_UNAVAILABLE);
    world_exec(&world, "commit");
    world_finish(&world);
}
END_TEST

TCase *question_tests(void)
{
    TCase *tests = tcase_create("question");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, tells_what_an_inquiry_needs);
    tcase_add_test(tests, knows_its_shards);
    tcase_add_test(tests, shows_a_transaction);
    tcase_add_test(tests, keeps_payload_bytes);
    tcase_add_test(tests, finds_keys);
    tcase_add_test(tests, lists_with_filters);
    tcase_add_test(tests, lists_page_by_page);
    tcase_add_test(tests, lists_what_is_rare_in_a_long_history);
    tcase_add_test(tests, lists_over_windows_without_a_gap);
    tcase_add_test(tests, a_list_holds_up_nobody);
    tcase_add_test(tests, answers_when_nothing_is_known);
    tcase_add_test(tests, hanging_up_answers_everybody);
    return tests;
}
