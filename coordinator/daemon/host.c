/* host.c: the driver as its hosts see it: its life and its turn for the loop, its functions for the
 * API, its callbacks for the journal. */
#include "host.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <base/now.h>
#include <event2/event.h>
#include <journal/journal.h>
#include <net/channel.h>
#include <net/slots.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "admission.h"
#include "burial.h"
#include "clock.h"
#include "commands.h"
#include "config.h"
#include "counting.h"
#include "definition_changes.h"
#include "definitions.h"
#include "driver.h"
#include "effects.h"
#include "entry.h"
#include "events.h"
#include "gate.h"
#include "handover.h"
#include "keys.h"
#include "line.h"
#include "log.h"
#include "metrics.h"
#include "participant_changes.h"
#include "participants.h"
#include "passing.h"
#include "publishing.h"
#include "queries.h"
#include "ready.h"
#include "recovery.h"
#include "registry.h"
#include "settling.h"
#include "shards.h"
#include "state.h"
#include "submit.h"
#include "table.h"
#include "trouble.h"
#include "waiting.h"
#include "watch.h"

#define SCRATCH_BYTES (64u << 10)
#define SHARE_LOOK_US UINT64_C(300000) /* so often it is looked how many nodes there are */

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

static void on_turn_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* the turn that this begins does it */
    (void)what;
    (void)arg;
}

static bool allocate(struct driver *driver)
{
    TAILQ_INIT(&driver->again);
    driver->by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver->by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver->effects = calloc(1, sizeof *driver->effects);
    return driver->by_gtid != NULL && driver->by_key != NULL && driver->effects != NULL &&
           buffer_reserve(&driver->texts, TXN_TEXTS_BYTES_MAX) &&
           buffer_reserve(&driver->scratch, SCRATCH_BYTES) && slots_create(&driver->slots) == 0 &&
           gate_init(driver) &&
           (driver->slots_again = evtimer_new(driver->base, on_turn_due, driver)) != NULL &&
           (driver->again_timer = evtimer_new(driver->base, on_turn_due, driver)) != NULL &&
           (driver->close_again = evtimer_new(driver->base, on_turn_due, driver)) != NULL;
}

static void on_registry(struct driver *driver, const struct journal_entry *entry)
{
    if (entry == NULL) {
        participants_loaded(driver);
        definitions_loaded(driver);
        keys_loaded(driver);
    } else if (entry->what == JOURNAL_DEFINITION) {
        definitions_load(driver, entry);
    } else if (entry->what == JOURNAL_API_KEY) {
        keys_load(driver, entry);
    } else {
        participants_load(driver, entry);
    }
}

int driver_create(struct event_base *base, struct http_loop *http, const struct config *config,
                  struct driver **ret_driver)
{
    struct driver *driver = calloc(1, sizeof *driver);
    if (driver == NULL)
        return TROTH_ERROR_NO_MEMORY;
    driver->base = base;
    driver->http = http;
    driver->hooks = (struct driver_hooks){
        .timer = driver_on_timer, .result = driver_on_result, .registry = on_registry};
    driver->config = config;
    driver->policy = policy_from(config);
    admission_init(&driver->admission, (uint32_t)config->open_transactions_max,
                   (uint32_t)config->open_transactions_reserved);
    driver->outbox_mode = config_outbox(config);
    driver->random = wall_now().us | 1u;
    driver->nodes_leading = 1;
    driver->metrics.started_at = driver_now().wall;
    if (!allocate(driver) || !shards_make_key(driver)) {
        driver_destroy(driver);
        return TROTH_ERROR_NO_MEMORY;
    }
    driver->effects->texts = &driver->texts;
    TAILQ_INIT(&driver->channels_due);
    *ret_driver = driver;
    return 0;
}

static void drop_entries(struct driver *driver)
{
    for (uint32_t i = 0; driver->by_gtid != NULL && i < DRIVER_BUCKETS; i++)
        while (driver->by_gtid[i] != NULL)
            handover_drop(driver, driver->by_gtid[i], driver->fenced);
    entry_bury_all(driver);
}

void driver_destroy(struct driver *driver)
{
    if (driver == NULL)
        return;
    driver->finishing = true;
    passing_finish(driver);
    outbox_destroy(driver->outbox, 0);
    drop_entries(driver);
    watch_finish(driver);
    gate_finish(driver);
    definitions_finish(driver);
    participants_finish(driver);
    registry_finish(driver);
    keys_finish(driver);
    slots_destroy(driver->slots);
    if (driver->slots_again != NULL)
        event_free(driver->slots_again);
    if (driver->again_timer != NULL)
        event_free(driver->again_timer);
    if (driver->close_again != NULL)
        event_free(driver->close_again);
    buffer_finish(&driver->texts);
    buffer_finish(&driver->scratch);
    buffer_finish(&driver->row_texts);
    buffer_finish(&driver->view_texts);
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

void driver_attach_server(struct driver *driver, const struct http_server *server, struct api *api)
{
    driver->api = api;
    driver->server = server;
}

void driver_attach_kafka(struct driver *driver, const char *const *properties)
{
    driver->kafka_properties = properties;
}

void driver_attach_tls(struct driver *driver, struct http_tls *participants, struct http_tls *nodes)
{
    driver->tls = participants;
    driver->tls_nodes = nodes;
}

void driver_attach_reach(struct driver *driver, const struct reach *reach)
{
    driver->reach = reach;
}

void driver_drain(struct driver *driver)
{
    driver->draining = true;
}

uint32_t driver_open(const struct driver *driver)
{
    return driver->open;
}

/* --- the turn ----------------------------------------------------------------------------- */

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
    if (what->kind == TXN_EVENT_RESULT)
        event.of.result = &result;
    else if (what->kind == TXN_EVENT_UNSENDABLE || what->kind == TXN_EVENT_SKIPPED)
        event.of.number = what->branch;
    driver_step(driver, entry, &event);
}

static void run_deferred(struct driver *driver)
{
    for (size_t i = 0; i < driver->deferred_count; i++) { /* steps may add more behind */
        struct deferred what = driver->deferred[i];
        struct entry *entry = entry_find(driver, &what.gtid);
        if (entry != NULL)
            step_deferred(driver, entry, &what);
    }
    driver->deferred_count = 0;
}

static void run_slots(struct driver *driver)
{
    uint64_t now_us = driver_now().mono.us;
    uint64_t again_us = slots_run(driver->slots, now_us);
    uint64_t wait_us = again_us > now_us ? again_us - now_us : 0;
    struct timeval wait = timeval_of(wait_us);
    if (again_us != 0)
        (void)evtimer_add(driver->slots_again, &wait); /* else the next event's turn does */
}

#define AGAIN_LOOK_US 10000u

/* What waits to be said again, in its turn. */
static void run_again(struct driver *driver)
{
    static const struct timeval soon = {.tv_usec = AGAIN_LOOK_US};
    effects_again(driver);
    if (!TAILQ_EMPTY(&driver->again) && !evtimer_pending(driver->again_timer, NULL))
        (void)evtimer_add(driver->again_timer, &soon); /* else the next event's turn does */
}

/* Each node takes its part of what participants can do; who leads nothing calls nobody. */
static void share_participants(struct driver *driver)
{
    const struct journal_node *nodes = NULL;
    uint64_t now_us = driver_now().mono.us;
    uint32_t leading = 1; /* this one, if it calls anybody */
    if (now_us < driver->share_at_us)
        return;
    driver->share_at_us = now_us + SHARE_LOOK_US;
    size_t count = shards_nodes(driver, &nodes);
    for (size_t i = 0; i < count; i++)
        leading += nodes[i].live && !nodes[i].self && nodes[i].shards > 0;
    participants_share(driver, leading);
    passing_look(driver);
}

void driver_turn(struct driver *driver)
{
    share_participants(driver);
    recovery_run(driver);
    handover_turn(driver);
    run_deferred(driver);
    run_slots(driver);
    run_deferred(driver);
    run_again(driver);
    events_turn(driver);
    entry_bury_all(driver);
}

/* While what waits for the journal is at its limit, nothing is asked of participants whose answers,
 * with all that they carry, would add to it. What frees their locks goes on. */
void driver_flush(struct driver *driver)
{
    if (submit_journal_has_room(driver))
        channel_list_flush(&driver->channels_due);
    else
        channel_list_flush_phase2(&driver->channels_due);
}

/* --- what the journal says ---------------------------------------------------------------- */

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
    if ((state == JOURNAL_LEADING || state == JOURNAL_WAITING) && !driver->joined) {
        driver->joined = true;
        driver->shards_count = journal_shards(driver->journal);
        if (driver_make_outbox(driver))
            registry_load(driver);
    }
}

static void on_verdict(void *arg, const struct journal_verdict *verdict)
{
    struct driver *driver = arg;
    struct entry *entry = entry_find(driver, &verdict->gtid);
    if (entry == NULL || entry->txn.epoch != verdict->epoch)
        return; /* of an earlier time here */
    assert(entry->writes > 0);
    entry->writes--;
    line_written(entry);
    struct txn_event event = {.kind = TXN_EVENT_DURABLE,
                              .of.durable = {.record = verdict->kind,
                                             .attempt = verdict->attempt,
                                             .verdict = verdict->verdict,
                                             .standing = verdict->standing}};
    driver_step(driver, entry, &event);
}

static bool is_loading(const struct driver *driver, const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    return parts.shard < driver->shards_count && driver->shards[parts.shard].life == SHARD_LOADING;
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
    } else if (is_loading(driver, gtid)) {
        recovery_unreadable(driver, gtid, why);
    }
}

static void on_clock(void *arg, int64_t wall_us, int64_t ahead_us)
{
    (void)arg;
    clock_follow(wall_us, ahead_us);
}

struct journal_callbacks driver_journal_callbacks(void)
{
    return (struct journal_callbacks){.state = on_journal_state,
                                      .clock = on_clock,
                                      .refused = on_refused,
                                      .verdict = on_verdict,
                                      .shard = handover_shard,
                                      .loaded = recovery_loaded};
}

/* --- what the API asks for ---------------------------------------------------------------- */

static bool is_serving(void *ctx)
{
    return driver_serving(ctx);
}

static struct api_limits limits_of(const struct config *config)
{
    return (struct api_limits){.requests = (uint32_t)config->caller_requests_max,
                               .watchers = (uint32_t)config->caller_watchers_max,
                               .failures = (uint32_t)config->login_failures_max};
}

struct api_host driver_api_host(struct driver *driver)
{
    return (struct api_host){.ctx = driver,
                             .limits = limits_of(driver->config),
                             .timeout_max_us = driver->config->timeout_max_us,
                             .prepare_timeout_max_us = driver->config->prepare_timeout_max_us,
                             .authenticates = config_authenticates(driver->config),
                             .own_uid = (uint32_t)geteuid(),
                             .identify = keys_identify,
                             .key = keys_get,
                             .key_behind = keys_behind,
                             .key_put = keys_put,
                             .key_delete = keys_delete,
                             .submit = submit_host,
                             .enlist = commands_enlist,
                             .commit = commands_commit,
                             .abort = commands_abort,
                             .retry = commands_retry,
                             .resolve = settling_resolve,
                             .forget = settling_forget,
                             .get = queries_get,
                             .list = queries_list,
                             .inquire = queries_inquire,
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
                             .whose = passing_whose,
                             .node_at = passing_node_at,
                             .pass = passing_send,
                             .mac = passing_mac,
                             .knows = passing_knows,
                             .is_new = passing_is_new,
                             .node_key = driver->node_public,
                             .reply_wait_us = driver->config->reply_wait_us,
                             .serving = is_serving,
                             .ready = driver_ready,
                             .nodes = shards_host_nodes,
                             .metrics = metrics_host};
}
