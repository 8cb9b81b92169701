/* recovery.c: after the shards were taken: every open transaction of the journal becomes one in
 * memory, and goes on (protocol.md, section 1, rule 5). One that cannot be loaded is reported and
 * stops nobody else (faults.md 15). */
#include "recovery.h"

#include <string.h>

#include <base/json.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "arena.h"
#include "burial.h"
#include "clock.h"
#include "definitions.h"
#include "driver.h"
#include "entry.h"
#include "log.h"
#include "participants.h"
#include "registry.h"
#include "seats.h"
#include "state.h"
#include "steps.h"
#include "table.h"
#include "trouble.h"

static bool copy_origin(struct entry *entry, const struct txn_origin *origin)
{
    bool failed = false;
    entry->origin = *origin;
    entry->origin.definition = arena_copy(&entry->arena, origin->definition, &failed);
    entry->origin.input = arena_copy(&entry->arena, origin->input, &failed);
    entry->origin.labels = arena_copy(&entry->arena, origin->labels, &failed);
    entry->origin.idempotency_key = arena_copy(&entry->arena, origin->idempotency_key, &failed);
    entry->origin.request_hash = arena_copy(&entry->arena, origin->request_hash, &failed);
    entry->origin.traceparent = arena_copy(&entry->arena, origin->traceparent, &failed);
    return !failed;
}

static bool is_readable(struct troth_span text)
{
    struct troth_span value;
    return text.data == NULL || json_check(text, JSON_CHECK_KEPT, &value, NULL) == 0;
}

static int load(struct driver *driver, const struct txn_image *image)
{
    uint32_t members = 0;
    int error = txn_image_members(image, &members);
    if (error != 0)
        return error;
    if (!is_readable(image->origin.input)) /* templates walk it */
        return TROTH_ERROR_SYNTAX;
    struct entry *entry = entry_create(driver, members > 0 ? members : 1);
    if (entry == NULL || !copy_origin(entry, &image->origin)) {
        if (entry != NULL)
            entry_destroy(entry);
        return TROTH_ERROR_NO_MEMORY;
    }
    struct txn_image mine = *image;
    mine.origin = entry->origin;
    struct troth_gtid_parts parts;
    troth_gtid_split(&entry->origin.gtid, &parts);
    error = txn_recover(&entry->txn, &mine, &driver->policy,
                        journal_epoch(driver->journal, parts.shard), driver_random(driver),
                        entry->branches, members, &entry->recovered_texts, driver_now());
    if (error != 0) {
        entry_destroy(entry);
        return error;
    }
    entry->txn.origin = &entry->origin;
    entry->accepted = true; /* the journal knows it: who asks again by its key may be told so */
    entry_insert(driver, entry);
    return 0;
}

/* In its place stands one without branches, that is shown and never driven. */
static void park(struct driver *driver, const struct txn_origin *origin, const char *why)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&origin->gtid, &parts);
    if (entry_find(driver, &origin->gtid) != NULL || parts.shard >= TROTH_SHARDS_MAX)
        return;
    struct entry *entry = entry_create(driver, 1);
    if (entry == NULL || !copy_origin(entry, origin)) {
        driver_fail(driver, "no memory to load the open transactions");
        if (entry != NULL)
            entry_destroy(entry);
        return;
    }
    if (entry->origin.began_at.us == 0)
        entry->origin.began_at.us = parts.unix_ms * 1000u;
    txn_init(&entry->txn, &entry->origin, &driver->policy,
             journal_epoch(driver->journal, parts.shard), driver_random(driver), entry->branches, 0,
             1);
    entry->accepted = true;
    entry->unloaded = true;
    entry->damaged = true;
    entry_insert(driver, entry);
    trouble_set(entry,
                "what the journal has of it cannot be read (%s): mend its rows in troth.txn, "
                "troth.decision and troth.record, then restart trothd",
                why);
}

void recovery_loaded(void *arg, const struct txn_image *image)
{
    struct driver *driver = arg;
    int error = load(driver, image);
    if (error != 0)
        park(driver, &image->origin, troth_error_text(error));
}

void recovery_unreadable(struct driver *driver, const troth_gtid *gtid, const char *why)
{
    struct txn_origin origin = {.gtid = *gtid};
    park(driver, &origin, why);
}

/* A step's needs and timeout are not in the journal: they come from the definition, which keeps
 * every version that an open transaction runs. */
static bool fill_from_definition(struct driver *driver, struct entry *entry)
{
    char name[TROTH_NAME_LEN_MAX + 1] = "";
    struct troth_span text = entry->origin.definition;
    uint32_t version = entry->origin.definition_version;
    (void)snprintf(name, sizeof name, "%.*s", (int)text.len, text.data);
    struct definition_slot *slot = registry_definition_of(driver, name, version);
    if (slot == NULL) {
        trouble_set(entry,
                    "the journal has no definition \"%s\" version %u: publish that version again "
                    "(PUT /v1/definitions/%s), then have it tried again (trothctl tx retry)",
                    name, version, name);
        return false;
    }
    if (slot->definition->steps_count != entry->txn.branches_count) {
        trouble_set(
            entry,
            "its row has %u branches and definition \"%s\" version %u has %u steps: that is "
            "not the definition it began with",
            entry->txn.branches_count, name, version, slot->definition->steps_count);
        return false;
    }
    entry->definition = slot;
    registry_hold(slot);
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        steps_fill(slot->definition, i, &entry->branches[i]);
    return true;
}

static void resume(struct driver *driver, struct entry *entry)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&entry->origin.gtid, gtid);
    participants_hold(entry);
    if (!entry->origin.interactive && !fill_from_definition(driver, entry)) {
        entry->unloaded = true;
        seats_take(entry);
        return;
    }
    seats_take(entry);
    entry->unloaded = false;
    trouble_clear(entry);
    log_line(LOG_INFO, "recovered", "txn", gtid, "decision", txn_decision_name(entry->txn.decision),
             NULL);
    struct txn_event event = {.kind = TXN_EVENT_RECOVERED};
    driver_step(driver, entry, &event);
}

bool recovery_again(struct driver *driver, struct entry *entry)
{
    if (!entry->damaged)
        resume(driver, entry);
    return !entry->unloaded;
}

/* Its definition and its participants are known here. */
static bool is_known(struct driver *driver, const struct entry *entry)
{
    char name[TROTH_NAME_LEN_MAX + 1] = "";
    struct troth_span text = entry->origin.definition;
    (void)snprintf(name, sizeof name, "%.*s", (int)text.len, text.data == NULL ? "" : text.data);
    if (!entry->origin.interactive &&
        registry_definition_of(driver, name, entry->origin.definition_version) == NULL)
        return false;
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        if (participants_find(driver, entry->branches[i].participant) == NULL)
            return false;
    return true;
}

/* The leader before may have had what was registered a moment ago: then the registry is read once
 * more, before anything is said to be missing. */
static bool may_go_on(struct driver *driver, struct shard *shard)
{
    if (driver->registry_round > shard->round)
        return true;
    if (shard->reading)
        return false;
    for (const struct entry *entry = shard->oldest; entry != NULL; entry = entry->newer)
        if (!entry->damaged && !is_known(driver, entry))
            shard->reading = true;
    if (shard->reading)
        registry_load(driver);
    return !shard->reading;
}

static void go_on(struct driver *driver, struct shard *shard)
{
    struct entry *entry = shard->oldest;
    shard->life = SHARD_OPEN;
    while (entry != NULL) {
        struct entry *newer = entry->newer; /* resume() may bury it */
        if (entry->damaged)
            seats_take(entry);
        else
            resume(driver, entry);
        entry = newer;
    }
    outbox_behind(driver->outbox); /* what the leader before left in the table */
}

void recovery_run(struct driver *driver)
{
    bool settled = driver_settled(driver);
    if (settled || !driver->joined || !driver->registry_loaded || driver->failed)
        return;
    for (uint32_t i = 0; i < driver->shards_count; i++)
        if (driver->shards[i].life == SHARD_LOADED && may_go_on(driver, &driver->shards[i]))
            go_on(driver, &driver->shards[i]);
    driver->recovered = true;
    if (driver_settled(driver))
        definitions_recovered(driver);
}
