#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEMPLATE "journal_template"

uint64_t world_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const char *server(void)
{
    const char *conninfo = getenv("TROTH_TEST_POSTGRES");
    ck_assert_msg(conninfo != NULL, "run under tests/support/with-postgres");
    return conninfo;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void world_make_template(void)
{
    static bool made;
    char conninfo[200];
    uint32_t applied;
    PGconn *admin;
    if (made)
        return;
    made = true;
    snprintf(conninfo, sizeof conninfo, "%s dbname=postgres", server());
    admin = PQconnectdb(conninfo);
    PQclear(PQexec(admin, "create database " TEMPLATE));
    PQfinish(admin);
    snprintf(conninfo, sizeof conninfo, "%s dbname=" TEMPLATE, server());
    ck_assert_int_eq(journal_migrate(conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
}

void world_init(struct world *world, bool bare)
{
    static unsigned number;
    struct timeval often = {.tv_usec = 5000};
    char sql[160], conninfo[200];
    struct timespec now;
    *world = (struct world){0};
    /* A test's process may have the number of one before it. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(world->database, sizeof world->database, "journal_%ld_%ld_%u", (long)getpid(),
             (long)now.tv_sec, ++number);
    snprintf(conninfo, sizeof conninfo, "%s dbname=postgres", server());
    world->admin = PQconnectdb(conninfo);
    snprintf(sql, sizeof sql, "create database %s%s", world->database,
             bare ? "" : " template " TEMPLATE);
    world_exec(world, sql);
    PQfinish(world->admin);
    snprintf(world->conninfo, sizeof world->conninfo, "%s dbname=%s", server(), world->database);
    world->admin = PQconnectdb(world->conninfo);
    ck_assert_int_eq(PQstatus(world->admin), CONNECTION_OK);
    if (!bare) /* sessions are known by it, and those of the test before may still be there */
        world_exec(world, "update troth.journal set id = substr(md5(random()::text), 1, 16)");
    world->base = event_base_new();
    world->tick = event_new(world->base, -1, EV_PERSIST, on_tick, NULL);
    event_add(world->tick, &often);
}

void world_finish(struct world *world)
{
    while (world->nodes_count > 0)
        node_stop(world->nodes[world->nodes_count - 1]);
    PQfinish(world->admin);
    event_free(world->tick);
    event_base_free(world->base);
}

void world_turn(struct world *world)
{
    event_base_loop(world->base, EVLOOP_ONCE);
    for (size_t i = 0; i < world->nodes_count; i++)
        journal_flush(world->nodes[i]->journal);
}

const char *world_text(struct world *world, const char *sql)
{
    static char text[4096];
    PGresult *result = PQexec(world->admin, sql);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQerrorMessage(world->admin));
    text[0] = '\0';
    if (status == PGRES_TUPLES_OK && PQntuples(result) > 0)
        snprintf(text, sizeof text, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return text;
}

long world_number(struct world *world, const char *sql)
{
    return atol(world_text(world, sql));
}

void world_exec(struct world *world, const char *sql)
{
    (void)world_text(world, sql);
}

/* --- nodes
 * ---------------------------------------------------------------------------------------- */

static void on_state(void *arg, enum journal_state state, const char *why)
{
    struct node *node = arg;
    size_t len = strlen(node->told);
    if (len + strlen(why) + 2 > sizeof node->told)
        len = 0;
    (void)snprintf(node->told + len, sizeof node->told - len, "%s\n", why);
    node->states[state]++;
    snprintf(node->why, sizeof node->why, "%s", why);
}

static size_t begun_find(const struct node *node, const troth_gtid *gtid)
{
    size_t i = node->begun.count;
    while (i > 0 && !troth_gtid_equal(&node->begun.list[i - 1].gtid, gtid))
        i--;
    return i; /* from 1; 0: none */
}

static void begun_add(struct node *node, const troth_gtid *gtid, bool hidden)
{
    struct begun_list *begun = &node->begun;
    if (begun->count == begun->cap) {
        begun->cap = begun->cap == 0 ? 64 : begun->cap * 2;
        begun->list = realloc(begun->list, begun->cap * sizeof *begun->list);
        ck_assert_ptr_nonnull(begun->list);
    }
    begun->list[begun->count].gtid = *gtid;
    begun->list[begun->count++].hidden = hidden;
}

static bool verdict_is_hidden(struct node *node, const struct journal_verdict *verdict)
{
    size_t i = begun_find(node, &verdict->gtid);
    if (verdict->kind != TXN_RECORD_BEGIN || i == 0 || !node->begun.list[i - 1].hidden)
        return false;
    node->begun.list[i - 1].hidden = false;
    return true;
}

static void on_verdict(void *arg, const struct journal_verdict *verdict)
{
    struct node *node = arg;
    struct verdict_list *verdicts = &node->verdicts;
    if (verdict_is_hidden(node, verdict))
        return;
    if (verdicts->count == verdicts->cap) {
        verdicts->cap = verdicts->cap == 0 ? 256 : verdicts->cap * 2;
        verdicts->list = realloc(verdicts->list, verdicts->cap * sizeof *verdicts->list);
        ck_assert_ptr_nonnull(verdicts->list);
    }
    verdicts->list[verdicts->count++] = *verdict;
}

static void span_copy(char *text, size_t cap, struct troth_span span)
{
    snprintf(text, cap, "%.*s", (int)span.len, span.data == NULL ? "" : span.data);
}

static void on_loaded(void *arg, const struct txn_image *image)
{
    struct node *node = arg;
    struct loaded *loaded = &node->loaded[node->loaded_count % 64];
    node->loaded_count++;
    loaded->gtid = image->origin.gtid;
    loaded->attempt = image->attempt;
    loaded->decision = image->decision;
    loaded->outcome = image->outcome;
    loaded->protocol = image->protocol;
    loaded->accepted = image->origin.accepted;
    loaded->delegated_branch = image->delegated_branch;
    loaded->doubtful = image->doubtful;
    span_copy(loaded->members, sizeof loaded->members, image->members);
    span_copy(loaded->input, sizeof loaded->input, image->origin.input);
    span_copy(loaded->steps, sizeof loaded->steps, image->steps);
    span_copy(loaded->fallback, sizeof loaded->fallback, image->fallback);
}

static void on_event(void *arg, int error, const struct record_outbox_row *row, bool more)
{
    struct node *node = arg;
    struct outbox_seen *seen = &node->outbox[node->outbox_count % 64];
    struct troth_gtid_parts parts;
    ck_assert_int_eq(error, TROTH_OK);
    if (row == NULL) {
        node->outbox_pages++;
        node->outbox_more = more;
        return;
    }
    troth_gtid_split(&row->gtid, &parts);
    node->outbox_place = (struct journal_place){
        .begun = true, .shard = parts.shard, .epoch = row->epoch, .seq = row->seq};
    node->outbox_count++;
    memcpy(seen->id, row->id, sizeof seen->id);
    seen->gtid = row->gtid;
    seen->epoch = row->epoch;
    seen->seq = row->seq;
    span_copy(seen->payload, sizeof seen->payload, row->payload);
}

void node_read_outbox(struct world *world, struct node *node)
{
    node->outbox_place = (struct journal_place){0};
    node->outbox_count = 0;
    do {
        size_t pages = node->outbox_pages;

        journal_events(node->journal, &node->outbox_place, on_event, node);
        world_wait(world, node->outbox_pages > pages);
    } while (node->outbox_more);
}

static void on_refused(void *arg, const troth_gtid *gtid, enum txn_record_kind kind,
                       uint32_t attempt, const char *why)
{
    struct node *node = arg;
    (void)kind;
    (void)attempt;
    snprintf(node->why, sizeof node->why, "%s", why);
    if (node->refused_count < 8)
        node->refused[node->refused_count] = *gtid;
    node->refused_count++;
}

void node_start(struct world *world, struct node *node, struct node_options options)
{
    struct journal_config config = {
        .node = options.name == NULL ? "a" : options.name,
        .lease_us = options.lease_us == 0 ? 5000000 : options.lease_us,
        .lazy_delay_us = options.lazy_delay_us == 0 ? 20000 : options.lazy_delay_us,
        .retention_us = options.retention_us,
        .unsafe = options.unsafe,
        .write_timeout_us = options.write_timeout_us == 0 ? 5000000 : options.write_timeout_us,
        .clock_difference_us = UINT64_C(3600000000),
        .callbacks = {.state = on_state,
                      .verdict = on_verdict,
                      .loaded = on_loaded,
                      .refused = on_refused},
        .arg = node};
    *node = (struct node){.world = world};
    snprintf(node->conninfo, sizeof node->conninfo, "%s",
             options.conninfo == NULL ? world->conninfo : options.conninfo);
    config.conninfo = node->conninfo;
    ck_assert_int_eq(journal_create(world->base, &config, &node->journal), TROTH_OK);
    world->nodes[world->nodes_count++] = node;
}

void node_lead(struct world *world, struct node *node)
{
    node_start(world, node, (struct node_options){0});
    world_wait(world, journal_state(node->journal) == JOURNAL_LEADING);
}

uint32_t node_led(const struct node *node)
{
    struct journal_stats stats;
    journal_stats(node->journal, &stats);
    return stats.shards_led;
}

void node_stop(struct node *node)
{
    struct world *world = node->world;
    journal_destroy(node->journal);
    node->journal = NULL;
    free(node->verdicts.list);
    free(node->begun.list);
    node->begun = (struct begun_list){0};
    node->verdicts = (struct verdict_list){0};
    for (size_t i = 0; i < world->nodes_count; i++)
        if (world->nodes[i] == node)
            world->nodes[i] = world->nodes[--world->nodes_count];
}

const struct journal_verdict *node_verdict(const struct node *node, const troth_gtid *gtid,
                                           enum txn_record_kind kind)
{
    for (size_t i = node->verdicts.count; i-- > 0;)
        if (troth_gtid_equal(&node->verdicts.list[i].gtid, gtid) &&
            node->verdicts.list[i].kind == kind)
            return &node->verdicts.list[i];
    return NULL;
}

size_t node_verdicts_of(const struct node *node, const troth_gtid *gtid, enum txn_record_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < node->verdicts.count; i++)
        count += troth_gtid_equal(&node->verdicts.list[i].gtid, gtid) &&
                 node->verdicts.list[i].kind == kind;
    return count;
}

/* --- records
 * -------------------------------------------------------------------------------------- */

struct troth_span text_span(const char *text)
{
    return (struct troth_span){text, strlen(text)};
}

troth_gtid sample_gtid(const struct node *node, uint32_t shard, uint64_t counter)
{
    struct troth_gtid_parts parts = {.unix_ms = 1795240489112 + counter,
                                     .shard = (uint16_t)shard,
                                     .epoch = journal_epoch(node->journal, shard),
                                     .counter = counter};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), TROTH_OK);
    return gtid;
}

#define MEMBERS                                                                                    \
    "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\","        \
    "\"inquires\":true,\"vote\":\"yes\"},{\"branch\":2,\"name\":\"credit\","                       \
    "\"participant\":\"bank_b\",\"operation\":\"credit\",\"inquires\":true,\"vote\":\"yes\"}]"

void sample_make(struct sample *sample, struct node *node, troth_gtid gtid,
                 enum txn_record_kind kind)
{
    bool decides = kind == TXN_RECORD_DECISION || kind == TXN_RECORD_OUTCOME;
    struct troth_gtid_parts parts;
    troth_gtid_split(&gtid, &parts);
    *sample = (struct sample){
        .origin = {.gtid = gtid,
                   .mode = TXN_MODE_2PC,
                   .definition = text_span("transfer"),
                   .definition_version = 1,
                   .input = text_span("{\"from\":7,\"to\":9,\"amount\":120}"),
                   .prepare_timeout_us = 5000000,
                   .began_at = {parts.unix_ms * 1000}},
        .record = {.kind = kind,
                   .forced = kind != TXN_RECORD_BEGIN && kind != TXN_RECORD_END,
                   .origin = &sample->origin,
                   .epoch = journal_epoch(node->journal, parts.shard),
                   .attempt = 1,
                   .members = kind == TXN_RECORD_END ? (struct troth_span){0} : text_span(MEMBERS),
                   .decision = decides || kind == TXN_RECORD_END ? TXN_COMMIT : TXN_UNDECIDED,
                   .outcome =
                       decides || kind == TXN_RECORD_END ? TXN_OUTCOME_COMMITTED : TXN_OUTCOME_NONE,
                   .at = {parts.unix_ms * 1000 + 500}}};
    if (kind == TXN_RECORD_OUTCOME)
        sample->record.outcome = TXN_OUTCOME_MIXED;
    if (kind == TXN_RECORD_STEP) {
        sample->record.forced = false;
        sample->record.members = (struct troth_span){0};
        sample->record.step_seq = (uint64_t)sample->record.epoch << 32 | 1u;
        sample->record.step = text_span("{\"branch\":1,\"attempt\":1,\"step\":\"done\"}");
    }
    if (kind == TXN_RECORD_END) {
        sample->record.steps = text_span("[{\"branch\":1,\"participant\":\"bank_a\"}]");
        sample->record.history = text_span("[{\"at\":\"0s\",\"moment\":\"began\"}]");
    }
    if (decides) {
        sample->record.publishes = true;
        sample->event = (struct record_outbox_row){.gtid = gtid,
                                                   .epoch = sample->record.epoch,
                                                   .topic = text_span("outcomes"),
                                                   .key = text_span("order-1"),
                                                   .type = text_span("committed"),
                                                   .payload = text_span("{\"amount\":0.10}"),
                                                   .headers = text_span("{}")};
        memcpy(sample->event.id, gtid.bytes, sizeof sample->event.id);
        sample->event.id[0] = (uint8_t)kind;
        sample->event.seq = journal_outbox_seq(node->journal, parts.shard);
    }
}

void sample_append(struct node *node, const struct sample *sample)
{
    bool begins = sample->record.kind == TXN_RECORD_BEGIN;
    struct sample begin;
    if (begun_find(node, &sample->origin.gtid) == 0) {
        begun_add(node, &sample->origin.gtid, !begins);
        if (!begins) {
            sample_make(&begin, node, sample->origin.gtid, TXN_RECORD_BEGIN);
            begin.origin = sample->origin;
            begin.record.protocol = sample->record.protocol;
            begin.record.attempt = sample->record.attempt;
            ck_assert_int_eq(journal_append(node->journal, &begin.record, NULL), TROTH_OK);
        }
    }
    ck_assert_int_eq(journal_append(node->journal, &sample->record,
                                    sample->record.publishes ? &sample->event : NULL),
                     TROTH_OK);
}

void append(struct node *node, troth_gtid gtid, enum txn_record_kind kind)
{
    struct sample sample;
    sample_make(&sample, node, gtid, kind);
    sample_append(node, &sample);
}
