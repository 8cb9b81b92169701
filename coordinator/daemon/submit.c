/* submit.c: a client's POST /v1/transactions becomes an open transaction, once per idempotency key.
 */
#include "submit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "answer.h"
#include "arena.h"
#include "burial.h"
#include "clock.h"
#include "config.h"
#include "counting.h"
#include "definitions.h"
#include "driver.h"
#include "entry.h"
#include "line.h"
#include "notice.h"
#include "order.h"
#include "owners.h"
#include "participants.h"
#include "queries.h"
#include "room.h"
#include "seats.h"
#include "shards.h"
#include "state.h"
#include "steps.h"
#include "table.h"
#include "waiting.h"

/* The answer to "was this key there before?" comes later; the transaction may be gone by then. */
struct key_question {
    struct driver *driver;
    troth_gtid gtid;
};

static uint64_t outbox_waiting(const struct driver *driver)
{
    struct outbox_stats stats;
    outbox_stats(driver->outbox, &stats);
    return stats.waiting;
}

static bool refused(struct driver *driver, enum refusal why, const struct api_problem *problem)
{
    driver->metrics.refused[why]++;
    notice_refused(driver, problem->detail);
    return false;
}

static bool has_room(const struct driver *driver, const struct journal_stats *stats)
{
    return stats->gathered < driver->config->journal_queue_rows_max &&
           stats->gathered_bytes < driver->config->journal_queue_bytes_max;
}

bool submit_journal_has_room(const struct driver *driver)
{
    struct journal_stats stats;
    journal_stats(driver->journal, &stats);
    return has_room(driver, &stats);
}

static void problem_queue(const struct config *config, const struct journal_stats *stats,
                          struct api_problem *problem)
{
    if (stats->gathered >= config->journal_queue_rows_max) {
        api_refuse_full(problem, stats->gathered, "records wait for the journal",
                        "journal_queue_rows_max", config->journal_queue_rows_max);
    } else {
        api_refuse_full(problem, stats->gathered_bytes, "bytes wait for the journal",
                        "journal_queue_bytes_max", config->journal_queue_bytes_max);
    }
}

/* What is under way writes its records whatever the journal's trouble is, so what may add to them
 * is bounded here, and nothing outside can fill the memory. */
bool submit_journal_takes(struct driver *driver, struct api_problem *problem)
{
    struct journal_stats stats;
    journal_stats(driver->journal, &stats);
    if (!stats.writable) {
        api_refuse_unwritable(problem, journal_trouble(driver->journal));
        return refused(driver, REFUSAL_JOURNAL_UNWRITABLE, problem);
    }
    if (!has_room(driver, &stats)) {
        problem_queue(driver->config, &stats, problem);
        return refused(driver, REFUSAL_JOURNAL_QUEUE, problem);
    }
    return true;
}

/* Whether this node can take anything new at all; whose it is comes later (seats.c). */
static bool admit(struct driver *driver, const struct api_submit *submit,
                  struct api_problem *problem)
{
    if (driver->draining || driver->failed) {
        api_refuse_unavailable(problem, API_WHY_STOPPING);
        return refused(driver, REFUSAL_STOPPING, problem);
    }
    if (driver->outbox_mode == CONFIG_OUTBOX_KAFKA &&
        outbox_waiting(driver) >= driver->config->outbox_rows_max) {
        api_refuse_full(problem, outbox_waiting(driver), "outcome events wait for Kafka",
                        "outbox_rows_max", driver->config->outbox_rows_max);
        return refused(driver, REFUSAL_OUTBOX, problem);
    }
    if (!room_takes(driver, submit->input.len + submit->labels.len, problem))
        return refused(driver, REFUSAL_BYTES, problem);
    return submit_journal_takes(driver, problem);
}

/* Its shard is the key's; without one it takes any that is led here. */
static bool is_led(struct driver *driver, const struct api_submit *submit,
                   struct api_problem *problem)
{
    bool keyed = submit->idempotency_key.data != NULL;
    uint32_t shard = keyed ? driver_shard_of_key(driver, submit->idempotency_key) : 0;
    for (uint32_t i = 0; !keyed && i < driver->shards_count && !shards_led(driver, shard); i++)
        shard = i;
    if (shards_led(driver, shard))
        return true;
    bool moves = keyed && shards_changing(driver, shard);
    api_refuse_unavailable(problem, moves ? API_WHY_SHARD_MOVES : API_WHY_SHARD_ELSEWHERE);
    return false;
}

/* What the definition asks for must be there before anything begins. */
static bool can_run(const struct driver *driver, const struct definition *definition,
                    struct api_problem *problem)
{
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        const struct definition_step *step = &definition->steps[i];
        if (registry_participant(driver, step->participant) == NULL) {
            api_refuse_participant(problem, definition, step, step->participant);
            return false;
        }
    }
    return true;
}

static bool fill_origin(struct entry *entry, const struct api_submit *submit)
{
    const uint64_t prepare_max_us = entry->driver->config->prepare_timeout_max_us;
    bool failed = false;
    struct txn_origin *origin = &entry->origin;
    const struct definition *definition = submit->definition;
    origin->mode = definition == NULL ? TXN_MODE_2PC : steps_mode(definition);
    origin->interactive = definition == NULL;
    origin->accepted = definition != NULL && submit->reply == API_REPLY_ACCEPTED;
    origin->labels = arena_copy(&entry->arena, submit->labels, &failed);
    if (submit->idempotency_key.data != NULL) {
        struct troth_span hash = {submit->request_hash, strlen(submit->request_hash)};
        origin->idempotency_key = arena_copy(&entry->arena, submit->idempotency_key, &failed);
        origin->request_hash = arena_copy(&entry->arena, hash, &failed);
    }
    origin->traceparent = arena_copy(&entry->arena, submit->traceparent, &failed);
    origin->timeout_us =
        submit->timeout_us != 0 ? submit->timeout_us : DEFINITION_TIMEOUT_DEFAULT_US;
    origin->prepare_timeout_us = DEFINITION_PREPARE_TIMEOUT_DEFAULT_US;
    if (definition != NULL) {
        origin->definition = (struct troth_span){definition->name, strlen(definition->name)};
        origin->definition_version = definition->version;
        origin->input = arena_copy(&entry->arena, submit->input, &failed);
        bool shorter = submit->timeout_us != 0 && submit->timeout_us < definition->timeout_us;
        origin->timeout_us = shorter ? submit->timeout_us : definition->timeout_us;
        origin->prepare_timeout_us = definition->prepare_timeout_us < prepare_max_us
                                         ? definition->prepare_timeout_us
                                         : prepare_max_us;
    }
    return !failed;
}

static void fill_branches(struct entry *entry, const struct definition *definition)
{
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        const struct definition_step *step = &definition->steps[i];
        entry->branches[i] = (struct txn_branch){.number = i + 1,
                                                 .name = step->name,
                                                 .participant = step->participant,
                                                 .operation = step->operation};
        entry->branches[i].inquires = participants_of(entry, i)->inquires; /* can_run() saw it */
        steps_fill(definition, i, &entry->branches[i]);
    }
}

/* What decides whether it is admitted: whose it is. */
static bool fill_owners(struct driver *driver, struct entry *entry, const struct api_submit *submit)
{
    const struct definition *definition = submit->definition;
    if (definition != NULL) {
        entry->definition = registry_definition(driver, definition->name, definition->version);
        registry_hold(entry->definition);
        fill_branches(entry, definition);
    }
    entry->caller = owners_get(&driver->callers, submit->caller);
    return entry->caller != NULL;
}

static bool fill_in(struct driver *driver, struct entry *entry, const struct api_submit *submit)
{
    uint32_t shard = 0;
    if (submit->idempotency_key.data != NULL)
        shard = driver_shard_of_key(driver, submit->idempotency_key);
    else
        (void)shards_any(driver, &shard);
    struct txn_now now = driver_now();
    entry->origin.began_at = now.wall;
    if (!fill_origin(entry, submit) ||
        driver_next_gtid(driver, shard, now.wall, &entry->origin.gtid) != 0)
        return false;
    uint32_t steps = submit->definition != NULL ? submit->definition->steps_count : 0;
    txn_init(&entry->txn, &entry->origin, &driver->policy, journal_epoch(driver->journal, shard),
             driver_random(driver), entry->branches, steps, entry->branches_cap);
    return true;
}

#define INTERACTIVE_BRANCHES_FIRST 2u /* more have room when they enlist */

/* NULL: *problem. */
static struct entry *make_entry(struct driver *driver, const struct api_submit *submit,
                                struct api_problem *problem)
{
    const struct definition *definition = submit->definition;
    uint32_t cap = definition != NULL ? definition->steps_count : INTERACTIVE_BRANCHES_FIRST;
    struct entry *entry = entry_create(driver, cap);
    bool has_memory = entry != NULL && fill_owners(driver, entry, submit);
    if (has_memory && !line_takes(entry, submit->timeout_us, problem)) {
        (void)refused(driver, REFUSAL_LINE, problem);
        entry_destroy(entry);
        return NULL;
    }
    if (has_memory && !seats_admit(entry, problem)) {
        (void)refused(driver, REFUSAL_SEATS, problem);
        entry_destroy(entry);
        return NULL;
    }
    if (!has_memory || !fill_in(driver, entry, submit)) {
        api_refuse_unavailable(problem, API_WHY_NO_MEMORY);
        if (entry != NULL)
            entry_destroy(entry);
        return NULL;
    }
    entry_insert(driver, entry);
    return entry;
}

static void begin(struct driver *driver, struct entry *entry)
{
    order_choose(entry);
    struct txn_event event = {.kind = entry->origin.interactive ? TXN_EVENT_OPENED
                                                                : TXN_EVENT_SUBMITTED};
    driver_step(driver, entry, &event);
    if (entry->origin.interactive)
        answer_all(entry, NULL); /* it is open; its members come next */
}

static bool same_request(struct troth_span hash, const char *other)
{
    return hash.len == strlen(other) && memcmp(hash.data, other, hash.len) == 0;
}

/* The key is that of a transaction which is open here: its client waits with the first one. */
static void join(struct entry *entry, const struct api_submit *submit, api_view_fn fn, void *arg)
{
    struct api_problem problem;
    if (!same_request(entry->origin.request_hash, submit->request_hash)) {
        api_refuse_key(&problem, &entry->origin.gtid);
        fn(arg, &problem, NULL, false);
    } else if (!entry->looking_up &&
               (entry->origin.interactive || answer_is_due(entry, submit->reply))) {
        answer_entry(entry, fn, arg, false);
    } else if (answer_wait(entry, fn, arg, submit->reply, false, submit->wait_us) == NULL) {
        api_refuse_unknown(&problem, &entry->origin, API_WHY_NO_MEMORY);
        fn(arg, &problem, NULL, false);
    } else {
        entry_arm(entry);
    }
}

/* The key belongs to an earlier transaction: whoever waits is shown that one. */
static void show_earlier(struct driver *driver, struct entry *entry, const troth_gtid *gtid,
                         struct troth_span hash)
{
    char text[65] = "";
    struct troth_span mine = entry->origin.request_hash;
    memcpy(text, mine.data, mine.len < sizeof text ? mine.len : sizeof text - 1);
    bool same = same_request(hash, text);
    while (entry->waiters != NULL) {
        struct waiter *waiter = entry->waiters;
        entry->waiters = waiter->next;
        if (same) {
            queries_get_earlier(driver, gtid, waiter->fn, waiter->arg);
        } else {
            struct api_problem problem;
            api_refuse_key(&problem, gtid);
            waiter->fn(waiter->arg, &problem, NULL, false);
        }
        free(waiter);
    }
}

static void on_key(void *arg, int error, const troth_gtid *gtid, struct troth_span hash)
{
    struct key_question question = *(struct key_question *)arg;
    free(arg);
    struct entry *entry = entry_find(question.driver, &question.gtid);
    if (entry == NULL)
        return;
    assert(entry->looking_up);
    if (error == TROTH_ERROR_NOT_FOUND) {
        entry->looking_up = false;
        begin(question.driver, entry);
        return;
    }
    if (error == 0) {
        show_earlier(question.driver, entry, gtid, hash);
    } else {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_KEY_UNASKED);
        answer_all(entry, &problem);
    }
    entry_bury(question.driver, entry);
}

static bool look_up_key(struct driver *driver, struct entry *entry)
{
    struct key_question *question = malloc(sizeof *question);
    if (question == NULL)
        return false;
    *question = (struct key_question){.driver = driver, .gtid = entry->origin.gtid};
    entry->looking_up = true;
    entry_arm(entry);
    journal_key_find(driver->journal, driver_shard_of_key(driver, entry->origin.idempotency_key),
                     entry->origin.idempotency_key, on_key, question);
    return true;
}

static void start(struct driver *driver, const struct api_submit *submit, api_view_fn fn, void *arg)
{
    struct api_problem problem;
    struct entry *entry = make_entry(driver, submit, &problem);
    bool keyed = submit->idempotency_key.data != NULL;
    if (entry == NULL) {
        fn(arg, &problem, NULL, false);
        return;
    }
    if (answer_wait(entry, fn, arg, submit->reply, true, submit->wait_us) == NULL ||
        (keyed && !look_up_key(driver, entry))) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        if (entry->waiters == NULL)
            fn(arg, &problem, NULL, false);
        answer_all(entry, &problem);
        entry_bury(driver, entry);
        return;
    }
    if (!keyed)
        begin(driver, entry);
}

/* A key that is open here is answered whatever is full: "nothing was done" would not be true. */
void submit_host(void *ctx, const struct api_submit *submit, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct api_problem problem;
    if (submit->idempotency_key.data != NULL) {
        struct entry *first = entry_find_key(driver, submit->idempotency_key);
        if (first != NULL) {
            join(first, submit, fn, arg);
            return;
        }
    }
    if (!is_led(driver, submit, &problem) || !admit(driver, submit, &problem) ||
        (submit->definition != NULL && !can_run(driver, submit->definition, &problem))) {
        fn(arg, &problem, NULL, false);
        return;
    }
    start(driver, submit, fn, arg);
}
