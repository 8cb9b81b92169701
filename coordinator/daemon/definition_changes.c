/* definition_changes.c: definitions are published, deleted and shown, for the API. */
#include "definition_changes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <definition/definition.h>
#include <journal/journal.h>

#include "admission.h"
#include "answer.h"
#include "clock.h"
#include "definitions.h"
#include "order.h"
#include "owners.h"
#include "registry.h"
#include "registry_change.h"
#include "seats.h"
#include "state.h"

static void discard(struct driver *driver, void *made)
{
    driver->definitions_coming--;
    definitions_destroy(made);
}

/* The journal has it. A hidden one that means the same comes back, with all that runs it. */
static void publish(struct registry_change *change)
{
    struct driver *driver = change->driver;
    struct definition_slot **hidden =
        definitions_find_hidden(driver, change->name, change->version);
    struct definition_slot *slot = change->made;
    if (registry_definition(driver, change->name, change->version) != NULL)
        return; /* put twice at a time */
    if (*hidden != NULL && definition_same((*hidden)->definition, slot->definition)) {
        slot = *hidden;
        *hidden = slot->next;
        slot->hidden = false;
    } else {
        change->made = NULL;
        driver->definitions_coming--;
    }
    definitions_insert(driver, slot);
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct registry_change *change = arg;
    struct api_problem problem;
    if (error == 0)
        publish(change);
    else if (error == TROTH_ERROR_EXISTS)
        api_refuse_version(&problem, change->name, change->version, "");
    else
        (void)registry_refused(change->driver, error, &problem);
    registry_change_finish(change, error == 0 ? NULL : &problem);
}

/* What stands in its way already. true: *problem, or (the same is there) nothing is to be done. */
static bool is_settled(const struct registry_change *change, const struct definition *definition,
                       struct api_problem *problem, bool *ret_same)
{
    struct driver *driver = change->driver;
    const struct definition_slot *slot =
        registry_definition_of(driver, change->name, change->version);
    if (slot == NULL || (slot->hidden && slot->refs == 0))
        return false;
    *ret_same = definition_same(slot->definition, definition);
    if (!*ret_same) {
        api_refuse_version(problem, change->name, change->version,
                           slot->hidden ? ", deleted, and transactions run it that have not ended"
                                        : "");
    }
    return !*ret_same || !slot->hidden;
}

void registry_host_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change = registry_change_create(driver, taken->name, discard, fn, arg);
    struct api_problem problem;
    bool same = false;
    if (change == NULL) {
        definition_destroy(taken);
        return;
    }
    change->version = taken->version;
    if (is_settled(change, taken, &problem, &same)) {
        definition_destroy(taken);
        registry_change_finish(change, same ? NULL : &problem);
        return;
    }
    change->made = definitions_make(driver, taken);
    if (change->made == NULL) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        registry_change_finish(change, &problem);
        return;
    }
    struct journal_entry entry = {.what = JOURNAL_DEFINITION,
                                  .name = {taken->name, strlen(taken->name)},
                                  .version = taken->version,
                                  .body = taken->text,
                                  .updated_at = driver_now().wall};
    journal_registry_put(driver->journal, &entry, on_put, change);
}

static void on_deleted(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct registry_change *change = arg;
    struct driver *driver = change->driver;
    struct api_problem problem;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        (void)registry_refused(driver, error, &problem);
        registry_change_finish(change, &problem);
        return;
    }
    struct definition_slot *slot = registry_definition(driver, change->name, change->version);
    if (slot != NULL) {
        definitions_take_out(driver, slot);
        definitions_hide(driver, slot);
        if (slot->refs == 0)
            definitions_forget(slot);
    }
    registry_change_finish(change, NULL);
}

/* What runs it goes on. */
void registry_host_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                     void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change = registry_change_create(driver, name, NULL, fn, arg);
    if (change == NULL)
        return;
    struct api_problem problem;
    if (registry_definition(driver, name, version) == NULL) {
        api_refuse_no_definition(&problem, name, version);
        registry_change_finish(change, &problem);
        return;
    }
    change->version = version;
    journal_registry_delete(driver->journal, JOURNAL_DEFINITION, registry_change_name(change),
                            version, on_deleted, change);
}

const struct definition *registry_host_definition(void *ctx, const char *name, uint32_t version)
{
    const struct definition_slot *slot = registry_definition(ctx, name, version);
    return slot == NULL ? NULL : slot->definition;
}

void registry_host_definition_status(void *ctx, const struct definition *definition,
                                     struct buffer *ret_members)
{
    const struct definition_slot *slot =
        registry_definition(ctx, definition->name, definition->version);
    const struct share *share = &slot->family->share;
    order_append(slot, ret_members);
    buffer_append_format(ret_members, ",\"open_transactions\":%u,", share->open);
    seats_append(ctx, SEAT_DEFINITION, share, ret_members);
}
