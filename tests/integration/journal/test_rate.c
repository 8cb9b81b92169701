#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "suites.h"

/* Things to look at, not to fail on (performance.md): with TROTH_TEST_RATE=<outstanding
 * transactions> they print what a transaction costs the lane's backend. */

#define STEPS                                                                                      \
    "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\","        \
    "\"state\":\"committed\",\"vote\":\"yes\",\"output\":{\"balance\":99880}},{\"branch\":2,"      \
    "\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":\"credit\",\"state\":"           \
    "\"committed\",\"vote\":\"yes\",\"output\":{\"balance\":100120}}]"
#define MOMENT(at, moment) "{\"at\":\"" at "\",\"moment\":\"" moment "\"}"
#define HISTORY                                                                                    \
    "[" MOMENT(                                                                                    \
        "0s",                                                                                      \
        "began") ",{\"at\":\"12us\",\"moment\":\"writing\",\"record\":\"begin\"},"                 \
                 "{\"at\":\"52us\",\"moment\":\"sent\",\"branch\":1,\"operation\":\"prepare\","    \
                 "\"try\":1},"                                                                     \
                 "{\"at\":\"55us\",\"moment\":\"sent\",\"branch\":2,\"operation\":\"prepare\","    \
                 "\"try\":1},"                                                                     \
                 "{\"at\":\"1ms213us\",\"moment\":\"answered\",\"branch\":1,\"vote\":\"yes\"},"    \
                 "{\"at\":\"1ms310us\",\"moment\":\"answered\",\"branch\":2,\"vote\":\"yes\"},"    \
                 "{\"at\":\"1ms312us\",\"moment\":\"writing\",\"record\":\"decision\"},"           \
                 "{\"at\":\"1ms912us\",\"moment\":\"durable\",\"record\":\"decision\"},"           \
                 "{\"at\":\"1ms914us\",\"moment\":\"sent\",\"branch\":1,\"operation\":\"commit\"," \
                 "\"try\":1},"                                                                     \
                 "{\"at\":\"1ms915us\",\"moment\":\"sent\",\"branch\":2,\"operation\":\"commit\"," \
                 "\"try\":1},"                                                                     \
                 "{\"at\":\"2ms401us\",\"moment\":\"answered\",\"branch\":1,\"result\":\"done\"}," \
                 "{\"at\":\"2ms512us\",\"moment\":\"answered\",\"branch\":2,\"result\":\"done\"}," \
                 "{\"at\":\"2ms513us\",\"moment\":\"replied\",\"level\":\"completed\"},"           \
                 "{\"at\":\"2ms514us\",\"moment\":\"writing\",\"record\":\"end\"},"                \
                 "{\"at\":\"2ms514us\",\"moment\":\"ended\"}]"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct lives {
    struct world *world;
    struct node *node;
    const char *mode; /* "2pc", "event" (2pc with an event), "saga" */
    uint64_t begun, decided, ended, looked, count;
    uint64_t outstanding;
};

/* Without assertions: each of Check's writes to a pipe. */
static void bare_append(struct lives *lives, const troth_gtid *gtid, enum txn_record_kind kind)
{
    struct node *node = lives->node;
    struct sample sample;
    char key[40];
    sample_make(&sample, node, *gtid, kind);
    snprintf(key, sizeof key, "order-%llu", (unsigned long long)troth_gtid_order(gtid) << 4);
    sample.origin.idempotency_key = text_span(key);
    sample.origin.request_hash = text_span(HASH);
    if (kind == TXN_RECORD_END) {
        sample.record.steps = text_span(STEPS);
        sample.record.history = text_span(HISTORY);
    }
    if (strcmp(lives->mode, "event") != 0)
        sample.record.publishes = false;
    if (strcmp(lives->mode, "saga") == 0) {
        sample.origin.mode = TXN_MODE_SAGA;
        sample.record.protocol = TXN_PROTOCOL_SAGA;
        sample.record.forced = kind == TXN_RECORD_BEGIN || kind == TXN_RECORD_DECISION;
    }
    if (journal_append(node->journal, &sample.record,
                       sample.record.publishes ? &sample.event : NULL) != TROTH_OK)
        abort();
}

static void bare_begin(struct lives *lives)
{
    uint32_t shard = (uint32_t)(lives->begun % 16);
    struct troth_gtid_parts parts = {.unix_ms = 1795240489112 + lives->begun,
                                     .shard = (uint16_t)shard,
                                     .epoch = journal_epoch(lives->node->journal, shard),
                                     .counter = ++lives->begun};
    troth_gtid gtid;
    if (troth_gtid_make(&parts, &gtid) != TROTH_OK)
        abort();
    bare_append(lives, &gtid, TXN_RECORD_BEGIN);
    if (strcmp(lives->mode, "saga") != 0)
        bare_append(lives, &gtid, TXN_RECORD_DECISION);
}

static void bare_go_on(struct lives *lives)
{
    for (; lives->looked < lives->node->verdicts.count; lives->looked++) {
        struct journal_verdict verdict = lives->node->verdicts.list[lives->looked];
        if (verdict.verdict != TXN_WRITTEN)
            abort();
        if (verdict.kind == TXN_RECORD_BEGIN && strcmp(lives->mode, "saga") == 0) {
            bare_append(lives, &verdict.gtid, TXN_RECORD_STEP);
            bare_append(lives, &verdict.gtid, TXN_RECORD_DECISION);
        } else if (verdict.kind == TXN_RECORD_DECISION) {
            lives->decided++;
            bare_append(lives, &verdict.gtid, TXN_RECORD_END);
        } else if (verdict.kind == TXN_RECORD_END) {
            lives->ended++;
        }
    }
    for (; lives->begun < lives->count && lives->begun - lives->decided < lives->outstanding;)
        bare_begin(lives);
}

/* User and system time of the lanes' backends so far, in microseconds. */
static uint64_t lanes_cpu_us(struct world *world)
{
    char path[64], text[1024];
    unsigned long long user = 0, sys = 0;
    long pid = world_number(world, "select pid from pg_stat_activity where application_name ~ "
                                   "'^troth:.*:lane:' and datname = current_database()");
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fgets(text, sizeof text, file) != NULL && strrchr(text, ')') != NULL)
        sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &sys);
    fclose(file);
    return (user + sys) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void lives_report(struct lives *lives, uint64_t began_ms, uint64_t cpu_us, long wal,
                         const struct journal_stats *before)
{
    struct journal_stats after;
    double count = (double)lives->count;
    journal_stats(lives->node->journal, &after);
    printf("mode=%s outstanding=%llu per_s=%llu backend_us=%.1f wal_bytes=%.0f "
           "rows_per_batch=%.1f\n",
           lives->mode, (unsigned long long)lives->outstanding,
           (unsigned long long)(lives->count * 1000 / (world_now_ms() - began_ms + 1)),
           (double)(lanes_cpu_us(lives->world) - cpu_us) / count,
           (double)(world_number(lives->world, "select pg_wal_lsn_diff("
                                               "pg_current_wal_insert_lsn(), '0/0')::int8") -
                    wal) /
               count,
           (double)(after.rows - before->rows) / (double)(after.batches - before->batches));
}

START_TEST(rate_of_lives)
{
    const char *given = getenv("TROTH_TEST_RATE"), *mode = getenv("TROTH_TEST_MODE");
    const char *count = getenv("TROTH_TEST_COUNT");
    struct world world;
    struct node node;
    struct journal_stats before;
    struct lives lives = {.world = &world,
                          .node = &node,
                          .mode = mode == NULL ? "2pc" : mode,
                          .outstanding = given == NULL ? 64 : strtoull(given, NULL, 10),
                          .count = count != NULL   ? strtoull(count, NULL, 10)
                                   : given == NULL ? 2000
                                                   : 40000};
    world_init(&world, false);
    node_start(&world, &node, (struct node_options){.lazy_delay_us = 50000});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    journal_stats(node.journal, &before);
    world_exec(&world, "checkpoint");
    uint64_t cpu_us = lanes_cpu_us(&world), began_ms = world_now_ms();
    long wal =
        world_number(&world, "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8");
    while (lives.ended < lives.count) {
        bare_go_on(&lives);
        journal_flush(node.journal);
        world_turn(&world);
    }
    if (given != NULL)
        lives_report(&lives, began_ms, cpu_us, wal, &before);
    world_finish(&world);
}
END_TEST

/* How fast a new leader has what is open; the journal's part of it. */
START_TEST(rate_of_loading)
{
    const char *given = getenv("TROTH_TEST_RATE");
    struct world world;
    struct node a, b;
    struct lives lives = {.world = &world,
                          .node = &a,
                          .mode = "2pc",
                          .outstanding = 256,
                          .count = given == NULL ? 1500 : 40000};
    world_init(&world, false);
    node_lead(&world, &a);
    for (; a.verdicts.count < 2 * lives.count; world_turn(&world)) {
        lives.decided = a.verdicts.count / 2;
        while (lives.begun < lives.count && lives.begun - lives.decided < lives.outstanding)
            bare_begin(&lives);
        journal_flush(a.journal);
    }
    node_stop(&a);
    uint64_t began_ms = world_now_ms();
    node_lead(&world, &b);
    ck_assert_uint_eq(b.loaded_count, lives.count);
    if (given != NULL)
        printf("loaded_per_s=%llu\n",
               (unsigned long long)(lives.count * 1000 / (world_now_ms() - began_ms + 1)));
    world_finish(&world);
}
END_TEST

TCase *rate_tests(void)
{
    TCase *tests = tcase_create("rate");
    tcase_set_timeout(tests, 480);
    tcase_add_test(tests, rate_of_lives);
    tcase_add_test(tests, rate_of_loading);
    return tests;
}
