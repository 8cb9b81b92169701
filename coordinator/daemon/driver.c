/* driver.c: the driver's life, its step, and what was put off until the turn's end. */
#include "driver_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <base/now.h>

#define SCRATCH_BYTES (64u << 10)

/* What makes the database's wall clock of the monotonic one; 0: no database was heard yet. Of the
 * process, as the clock is. */
static int64_t database_wall_us;

/* Wall times go into the journal and are compared by other nodes, so they are the database's. */
struct txn_now driver_now(void)
{
    struct txn_now now = {.mono = mono_now()};
    now.wall = database_wall_us != 0 ? (struct wall){now.mono.us + (uint64_t)database_wall_us}
                                     : wall_now();
    return now;
}

static void on_clock(void *arg, int64_t wall_us, int64_t ahead_us)
{
    struct driver *driver = arg;
    char text[32];
    database_wall_us = wall_us;
    if (ahead_us == driver->clock_ahead_us) {
        return;
    }
    driver->clock_ahead_us = ahead_us;
    (void)snprintf(text, sizeof text, "%.1f", (double)ahead_us / 1e6);
    bool much = ahead_us > 1000000 || ahead_us < -1000000;
    log_line(much ? LOG_WARN : LOG_INFO,
             "this node's clock is not the journal's: times follow the journal's", "ahead_seconds",
             text, NULL);
}

/* xorshift64*: for jitter and seeds, not for secrets. */
uint64_t driver_random(struct driver *driver)
{
    uint64_t x = driver->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    driver->random = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static struct txn_policy policy_from(const struct config *config)
{
    struct txn_policy policy = TXN_POLICY_DEFAULT;
    policy.call_timeout_us = config->call_timeout_us;
    policy.retry_interval_us = config->retry_interval_us;
    policy.retry_interval_max_us = config->retry_interval_max_us;
    policy.parked_retry_us = config->parked_retry_us;
    policy.publish_grace_us = config->publish_grace_us;
    policy.conflict_lock_wait_us = config->conflict_lock_wait_us;
    policy.conflict_interval_us = config->conflict_interval_us;
    return policy;
}

static void on_slots_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* the turn that this begins runs them */
    (void)what;
    (void)arg;
}

static bool allocate(struct driver *driver)
{
    driver->by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver->by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver->effects = calloc(1, sizeof *driver->effects);
    return driver->by_gtid != NULL && driver->by_key != NULL && driver->effects != NULL &&
           buffer_reserve(&driver->texts, TXN_TEXTS_BYTES_MAX) &&
           buffer_reserve(&driver->scratch, SCRATCH_BYTES) && slots_create(&driver->slots) == 0 &&
           gate_init(driver) &&
           (driver->slots_again = evtimer_new(driver->base, on_slots_again, driver)) != NULL;
}

int driver_create(struct event_base *base, struct http_loop *http, const struct config *config,
                  struct driver **ret_driver)
{
    struct driver *driver = calloc(1, sizeof *driver);
    if (driver == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    driver->base = base;
    driver->http = http;
    driver->config = config;
    driver->policy = policy_from(config);
    admission_init(&driver->admission, (uint32_t)config->open_transactions_max,
                   (uint32_t)config->open_transactions_reserved);
    driver->outbox_mode = config_outbox(config);
    driver->random = wall_now().us | 1u;
    driver->metrics.started_at = driver_now().wall;
    if (!allocate(driver)) {
        driver_destroy(driver);
        return TROTH_ERROR_NO_MEMORY;
    }
    driver->effects->texts = &driver->texts;
    TAILQ_INIT(&driver->channels_due);
    *ret_driver = driver;
    return 0;
}

/* Who waits is told what is durable, or that it is not known here. Of what somebody else leads this
 * memory knows only what was durable before. */
static void drop_entry(struct driver *driver, struct entry *entry)
{
    struct txn_event fenced = {.kind = TXN_EVENT_FENCED};
    if (driver->fenced && !entry->looking_up) {
        txn_step(&entry->txn, &fenced, driver_now(), driver->effects);
    }
    answer_stopped(entry, driver->fenced ? "another node leads now" : "the coordinator stops");
    entry_bury(driver, entry);
}

static void drop_entries(struct driver *driver)
{
    for (uint32_t i = 0; driver->by_gtid != NULL && i < DRIVER_BUCKETS; i++) {
        while (driver->by_gtid[i] != NULL) {
            drop_entry(driver, driver->by_gtid[i]);
        }
    }
    entry_bury_all(driver);
}

void driver_destroy(struct driver *driver)
{
    if (driver == NULL) {
        return;
    }
    driver->finishing = true;
    outbox_destroy(driver->outbox, 0);
    drop_entries(driver);
    watch_finish(driver);
    gate_finish(driver);
    registry_finish(driver);
    slots_destroy(driver->slots);
    if (driver->slots_again != NULL) {
        event_free(driver->slots_again);
    }
    buffer_finish(&driver->texts);
    buffer_finish(&driver->scratch);
    buffer_finish(&driver->row_texts);
    buffer_finish(&driver->row_topic_key);
    free(driver->by_gtid);
    free(driver->by_key);
    free(driver->effects);
    free(driver->deferred);
    free(driver);
}

void driver_attach(struct driver *driver, struct journal *journal)
{
    driver->journal = journal;
}

void driver_attach_server(struct driver *driver, const struct http_server *server)
{
    driver->server = server;
}

void driver_fail(struct driver *driver, const char *why)
{
    if (!driver->failed) {
        driver->failed = true;
        (void)snprintf(driver->why, sizeof driver->why, "%s", why);
    }
}

bool driver_failed(const struct driver *driver, const char **ret_why)
{
    if (driver->failed) {
        *ret_why = driver->why;
    }
    return driver->failed;
}

void driver_drain(struct driver *driver)
{
    driver->draining = true;
}

uint32_t driver_open(const struct driver *driver)
{
    return driver->open;
}

bool driver_leading(const struct driver *driver)
{
    return driver->leading && driver->registry_loaded && driver->recovered;
}

static void log_step(const struct entry *entry, const struct txn_event *event, const char *from)
{
    if (!log_wants(LOG_DEBUG)) {
        return;
    }
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&entry->origin.gtid, gtid);
    log_line(LOG_DEBUG, "step", "txn", gtid, "event", txn_event_kind_name(event->kind), "from",
             from, "to", txn_shown_name(&entry->txn), NULL);
}

/* The one way into the core. The entry may be gone by the end of the turn, never before. */
void driver_step(struct driver *driver, struct entry *entry, const struct txn_event *event)
{
    assert(!entry->dead && !entry->unloaded);
    struct metrics_mark before = metrics_mark(&entry->txn);
    const char *from = txn_shown_name(&entry->txn);
    txn_step(&entry->txn, event, driver_now(), driver->effects);
    metrics_count(&driver->metrics, &entry->txn, &before, event->kind);
    order_step(entry, &before);
    log_step(entry, event, from);
    notice_step(entry, &before, event->kind);
    effects_handle(driver, entry);
    watch_step(entry);
    answer_stuck(entry);
    room_count(entry);
    if (entry->ended) {
        answer_all(entry, NULL); /* whoever is not told yet: there is nothing more to wait for */
    }
    if (entry->ended && entry->writes == 0) {
        entry_bury(driver, entry);
    } else {
        entry_arm(entry);
    }
}

void driver_defer(struct driver *driver, const struct deferred *deferred)
{
    if (driver->deferred_count == driver->deferred_cap) {
        size_t cap = driver->deferred_cap == 0 ? 256 : driver->deferred_cap * 2;
        struct deferred *grown = realloc(driver->deferred, cap * sizeof *grown);
        if (grown == NULL) {
            return; /* the core's timers come round to the same place */
        }
        driver->deferred = grown;
        driver->deferred_cap = cap;
    }
    driver->deferred[driver->deferred_count++] = *deferred;
}

static void step_deferred(struct driver *driver, struct entry *entry, const struct deferred *what)
{
    struct result result = {.op = what->op,
                            .gtid = what->gtid,
                            .branch = what->branch,
                            .attempt = what->attempt,
                            .result = what->result,
                            .reason = what->reason};
    struct txn_event event = {.kind = what->kind, .reason = what->reason};
    event.unsent = what->unsent;
    event.down = what->down;
    if (what->kind == TXN_EVENT_RESULT) {
        event.of.result = &result;
    } else if (what->kind == TXN_EVENT_UNSENDABLE || what->kind == TXN_EVENT_SKIPPED) {
        event.of.number = what->branch;
    }
    driver_step(driver, entry, &event);
}

static void run_deferred(struct driver *driver)
{
    for (size_t i = 0; i < driver->deferred_count; i++) { /* steps may add more behind */
        struct deferred what = driver->deferred[i];
        struct entry *entry = entry_find(driver, &what.gtid);
        if (entry != NULL) {
            step_deferred(driver, entry, &what);
        }
    }
    driver->deferred_count = 0;
}

static void run_slots(struct driver *driver)
{
    uint64_t now_us = driver_now().mono.us;
    uint64_t again_us = slots_run(driver->slots, now_us);
    uint64_t wait_us = again_us > now_us ? again_us - now_us : 0;
    struct timeval wait = timeval_of(wait_us);
    if (again_us != 0) {
        (void)evtimer_add(driver->slots_again, &wait); /* else the next event's turn does */
    }
}

void driver_turn(struct driver *driver)
{
    recovery_run(driver);
    run_deferred(driver);
    run_slots(driver);
    run_deferred(driver);
    events_turn(driver);
    entry_bury_all(driver);
}

/* While what waits for the journal is at its limit, nothing is asked of participants whose answers,
 * with all that they carry, would add to it. What frees their locks goes on. */
void driver_flush(struct driver *driver)
{
    if (submit_journal_has_room(driver)) {
        channel_list_flush(&driver->channels_due);
    } else {
        channel_list_flush_phase2(&driver->channels_due);
    }
}

static bool is_down(const struct entry_branch *extra)
{
    return extra->participant != NULL &&
           channel_pool(extra->participant->channel)->breaker == BREAKER_OPEN;
}

/* With its vote a branch leaves its slot to the next: only its place is needed on. */
static void end_phase1(struct entry *entry, uint32_t index)
{
    struct entry_branch *extra = &entry->extra[index];
    if (extra->has_slot && entry->branches[index].state == TXN_BRANCH_PREPARED) {
        slots_end_phase1(extra->place_at, driver_now().mono.us);
        extra->has_slot = false;
    }
}

/* A participant's answer. Its spans end with this call: what the core may keep is copied first. */
void driver_on_result(void *arg, const struct result *result, bool sent)
{
    struct driver *driver = arg;
    struct entry *entry = entry_find(driver, &result->gtid);
    int64_t index = entry == NULL ? -1 : entry_branch_index(entry, result->branch);
    if (index < 0 || entry->unloaded) {
        return; /* ended, or not driven here: a late answer changes nothing */
    }
    struct result kept = *result;
    bool failed = false;
    order_result(entry, (uint32_t)index, result);
    struct txn_branch *branch = &entry->branches[index];
    struct troth_span copy = {NULL, 0};
    if (result->output.data != NULL && branch->output.data != NULL) {
        kept.output = branch->output; /* the guard answers what it stored: the first stands */
    } else {
        failed = !room_output_copy(result->output, &copy);
        kept.output = copy;
    }
    kept.reason = entry_keep_reason(entry, (uint32_t)index, result->reason);
    if (failed) {
        kept.result = RESULT_UNKNOWN; /* no memory for the answer: it is asked for again */
    }
    struct txn_event event = {.kind = TXN_EVENT_RESULT,
                              .of.result = &kept,
                              .unsent = !sent,
                              .down = is_down(&entry->extra[index])};
    driver_step(driver, entry, &event);
    room_output_settle(entry, (uint32_t)index, copy);
    end_phase1(entry, (uint32_t)index);
    notice_try(entry, branch, &kept);
}

/* --- what the journal says ------------------------------------------------------------------- */

static const char *journal_state_text(enum journal_state state)
{
    switch (state) {
    case JOURNAL_CONNECTING:
        return "connecting";
    case JOURNAL_WAITING:
        return "waiting";
    case JOURNAL_LEADING:
        return "leading";
    case JOURNAL_FENCED:
        return "fenced";
    case JOURNAL_STOPPED:
        return "stopped";
    }
    return "?";
}

static void on_journal_state(void *arg, enum journal_state state, const char *why)
{
    struct driver *driver = arg;
    log_line(state == JOURNAL_LEADING ? LOG_INFO : LOG_WARN, "journal", "state",
             journal_state_text(state), "reason", why, NULL);
    if (state == JOURNAL_FENCED) {
        driver->fenced = true;
        driver_fail(driver, why != NULL ? why : "somebody else leads");
    }
    if (state == JOURNAL_LEADING && !driver->leading) {
        driver->leading = true;
        driver->shards_count = journal_shards(driver->journal);
        if (driver_make_outbox(driver)) {
            registry_load(driver);
        }
    }
}

static void on_verdict(void *arg, const struct journal_verdict *verdict)
{
    struct driver *driver = arg;
    struct entry *entry = entry_find(driver, &verdict->gtid);
    if (entry == NULL) {
        return;
    }
    assert(entry->writes > 0);
    entry->writes--;
    struct txn_event event = {.kind = TXN_EVENT_DURABLE,
                              .of.durable = {.record = verdict->kind,
                                             .attempt = verdict->attempt,
                                             .verdict = verdict->verdict,
                                             .standing = verdict->standing}};
    driver_step(driver, entry, &event);
}

/* A record that the database will never take. Its transaction stays as it is in memory: nobody is
 * told what is not durable, and its participants hear "undecided" until an operator has looked. */
static void on_refused(void *arg, const troth_gtid *gtid, enum txn_record_kind kind,
                       uint32_t attempt, const char *why)
{
    struct driver *driver = arg;
    struct entry *entry = entry_find(driver, gtid);
    (void)attempt;
    if (entry != NULL) {
        trouble_set(entry, "the journal's database refuses its record (%s): %s",
                    txn_record_kind_name(kind), why);
    } else if (!driver->recovered) {
        recovery_unreadable(driver, gtid, why);
    }
}

struct journal_callbacks driver_journal_callbacks(void)
{
    return (struct journal_callbacks){.state = on_journal_state,
                                      .clock = on_clock,
                                      .refused = on_refused,
                                      .verdict = on_verdict,
                                      .loaded = recovery_loaded};
}

/* --- the outbox ------------------------------------------------------------------------------ */

static void on_confirmed(void *arg, const troth_gtid *gtid, const uint8_t *id)
{
    struct driver *driver = arg;
    journal_outbox_delete(driver->journal, gtid, id);
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && !entry->looking_up && !entry->unloaded) {
        struct txn_event event = {.kind = TXN_EVENT_PUBLISHED};
        driver_step(driver, entry, &event);
    }
}

static void on_set_aside(void *arg, const troth_gtid *gtid, const uint8_t *id, const char *why)
{
    (void)arg;
    (void)id;
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(gtid, text);
    log_line(LOG_ERROR, "outcome event set aside: Kafka will not take it", "txn", text, "reason",
             why, NULL);
}

static void on_outbox_state(void *arg, bool reachable, const char *why)
{
    (void)arg;
    log_line(reachable ? LOG_INFO : LOG_WARN, "kafka", "reachable", reachable ? "true" : "false",
             "reason", why, NULL);
}

bool driver_make_outbox(struct driver *driver)
{
    if (driver->outbox != NULL) {
        return true;
    }
    char source[64];
    (void)snprintf(source, sizeof source, "/troth/%s", journal_id(driver->journal));
    bool kafka = driver->outbox_mode == CONFIG_OUTBOX_KAFKA;
    struct outbox_config config = {.brokers = kafka ? driver->config->kafka_brokers : NULL,
                                   .source = source,
                                   .topic_default = driver->config->kafka_topic,
                                   .memory_bytes_max = driver->config->outbox_memory_max,
                                   .event_bytes_max = driver->config->kafka_message_bytes_max,
                                   .confirmed = on_confirmed,
                                   .set_aside = on_set_aside,
                                   .may_send = driver_may_speak,
                                   .state = on_outbox_state,
                                   .arg = driver};
    BUFFER_SCOPED struct buffer why = {0};
    if (outbox_create(driver->base, &config, &why, &driver->outbox) != 0) {
        driver_fail(driver, why.len > 0 ? buffer_text(&why) : "the outbox can not be made");
        return false;
    }
    return true;
}

static bool driver_serving(void *ctx)
{
    return driver_leading(ctx);
}

struct api_host driver_api_host(struct driver *driver)
{
    return (struct api_host){.ctx = driver,
                             .timeout_max_us = driver->config->timeout_max_us,
                             .prepare_timeout_max_us = driver->config->prepare_timeout_max_us,
                             .submit = submit_host,
                             .enlist = members_enlist,
                             .commit = members_commit,
                             .abort = members_abort,
                             .retry = members_retry,
                             .get = questions_get,
                             .list = questions_list,
                             .inquire = questions_inquire,
                             .watch = watch_host,
                             .unwatch = unwatch_host,
                             .definition = registry_host_definition,
                             .definition_behind = registry_host_definition_behind,
                             .definition_status = registry_host_definition_status,
                             .definition_put = registry_host_definition_put,
                             .definition_delete = registry_host_definition_delete,
                             .participant = registry_host_participant,
                             .participant_behind = registry_host_participant_behind,
                             .participant_status = registry_host_participant_status,
                             .participant_put = registry_host_participant_put,
                             .participant_delete = registry_host_participant_delete,
                             .events = events_list,
                             .event_get = events_get,
                             .event_resend = events_resend,
                             .event_discard = events_discard,
                             .serving = driver_serving,
                             .ready = driver_ready,
                             .metrics = metrics_host};
}
