/* definitions.c: published definitions in memory, sorted by name and version; and hidden ones, that
 * were deleted while transactions ran them.
 *
 * A definition's text stays, here and in the journal, for as long as a transaction that has not
 * ended needs it: also one that the journal is to hear of yet. Memory and journal change together
 * or not at all: what a change needs is made before the journal is asked. */
#include "definitions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/api.h>
#include <definition/definition.h>
#include <journal/journal.h>

#include "admission.h"
#include "config.h"
#include "entry.h"
#include "log.h"
#include "owners.h"
#include "registry.h"
#include "state.h"

static int compare(const struct definition *a, const char *name, uint32_t version)
{
    int order = strcmp(a->name, name);
    if (order != 0)
        return order;
    return a->version < version ? -1 : a->version > version;
}

/* Of the first that is not before. */
static uint32_t place_of(const struct driver *driver, const char *name, uint32_t version)
{
    uint32_t from = 0, to = driver->definitions_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(driver->definitions[middle]->definition, name, version) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* version 0: the newest of that name. */
struct definition_slot *registry_definition(const struct driver *driver, const char *name,
                                            uint32_t version)
{
    uint32_t at = place_of(driver, name, version != 0 ? version : UINT32_MAX);
    if (version == 0) {
        if (at == 0 || strcmp(driver->definitions[at - 1]->definition->name, name) != 0)
            return NULL;
        return driver->definitions[at - 1];
    }
    bool found = at < driver->definitions_count &&
                 compare(driver->definitions[at]->definition, name, version) == 0;
    return found ? driver->definitions[at] : NULL;
}

struct definition_slot **definitions_find_hidden(struct driver *driver, const char *name,
                                                 uint32_t version)
{
    struct definition_slot **at = &driver->hidden;
    while (*at != NULL && compare((*at)->definition, name, version) != 0)
        at = &(*at)->next;
    return at;
}

struct definition_slot *registry_definition_of(struct driver *driver, const char *name,
                                               uint32_t version)
{
    struct definition_slot *slot = registry_definition(driver, name, version);
    return slot != NULL ? slot : *definitions_find_hidden(driver, name, version);
}

/* --- their life ------------------------------------------------------------------------------ */

/* Interactive transactions have seats of their own, too. */
static void count_owners(struct driver *driver)
{
    admission_owners(&driver->admission, SEAT_DEFINITION, driver->families.count + 1);
}

void definitions_destroy(struct definition_slot *slot)
{
    if (slot != NULL) {
        owners_put(&slot->driver->families, slot->family);
        count_owners(slot->driver);
        definition_destroy(slot->definition);
        free(slot);
    }
}

/* Room in the table for one more. */
static bool reserve(struct driver *driver)
{
    uint32_t wanted = driver->definitions_count + driver->definitions_coming + 1;
    if (wanted <= driver->definitions_cap)
        return true;
    uint32_t cap = wanted < 64 ? 64 : wanted * 2;
    void *grown = realloc(driver->definitions, cap * sizeof(struct definition_slot *));
    if (grown != NULL) {
        driver->definitions = grown;
        driver->definitions_cap = cap;
    }
    return grown != NULL;
}

/* A slot for it, and room in the table. Takes the definition. NULL: no memory. */
struct definition_slot *definitions_make(struct driver *driver, struct definition *taken)
{
    struct definition_slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        definition_destroy(taken);
        return NULL;
    }
    slot->driver = driver;
    slot->definition = taken;
    slot->family = owners_get(&driver->families, taken->name);
    if (slot->family == NULL || !reserve(driver)) {
        definitions_destroy(slot);
        return NULL;
    }
    count_owners(driver);
    driver->definitions_coming++;
    return slot;
}

void definitions_insert(struct driver *driver, struct definition_slot *slot)
{
    uint32_t at = place_of(driver, slot->definition->name, slot->definition->version);
    assert(driver->definitions_count < driver->definitions_cap);
    memmove(&driver->definitions[at + 1], &driver->definitions[at],
            (driver->definitions_count - at) * sizeof(struct definition_slot *));
    driver->definitions[at] = slot;
    driver->definitions_count++;
}

void definitions_take_out(struct driver *driver, const struct definition_slot *slot)
{
    uint32_t at = place_of(driver, slot->definition->name, slot->definition->version);
    assert(driver->definitions[at] == slot);
    driver->definitions_count--;
    memmove(&driver->definitions[at], &driver->definitions[at + 1],
            (driver->definitions_count - at) * sizeof(struct definition_slot *));
}

/* Whatever the journal answers: what it could not forget now it is asked at the next start. */
static void on_forgotten(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct driver *driver = arg;
    struct api_problem problem;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND)
        (void)registry_refused(driver, error, &problem);
}

/* Nothing runs it any more, and whatever ran it has ended durably. */
void definitions_forget(struct definition_slot *slot)
{
    struct driver *driver = slot->driver;
    const struct definition *definition = slot->definition;
    struct definition_slot **at =
        definitions_find_hidden(driver, definition->name, definition->version);
    assert(*at == slot && slot->refs == 0);
    if (driver->registry_loaded && driver_settled(driver) && !driver->finishing) {
        journal_definition_forget(driver->journal,
                                  (struct troth_span){definition->name, strlen(definition->name)},
                                  definition->version, on_forgotten, driver);
    }
    *at = slot->next;
    definitions_destroy(slot);
}

void definitions_hide(struct driver *driver, struct definition_slot *slot)
{
    slot->hidden = true;
    slot->next = driver->hidden;
    driver->hidden = slot;
}

void registry_hold(struct definition_slot *slot)
{
    slot->refs++;
}

/* Takes NULL. */
void registry_let_go(struct definition_slot *slot)
{
    if (slot != NULL && --slot->refs == 0 && slot->hidden)
        definitions_forget(slot);
}

/* Behind recovery: what was deleted and nothing needs. */
void definitions_recovered(struct driver *driver)
{
    struct definition_slot *slot = driver->hidden;
    while (slot != NULL) {
        struct definition_slot *next = slot->next;
        if (slot->refs == 0)
            definitions_forget(slot);
        slot = next;
    }
}

void definitions_finish(struct driver *driver)
{
    for (uint32_t i = 0; i < driver->definitions_count; i++)
        definitions_destroy(driver->definitions[i]);
    free(driver->definitions);
    while (driver->hidden != NULL) {
        struct definition_slot *next = driver->hidden->next;
        definitions_destroy(driver->hidden);
        driver->hidden = next;
    }
}

/* --- loading --------------------------------------------------------------------------------- */

/* One that is known: only whether it is hidden can have changed. false: another node has deleted it
 * and published another text under its name and version, which it may where nothing runs it. */
static bool load_known(struct driver *driver, struct definition_slot *slot,
                       const struct journal_entry *entry)
{
    struct troth_span text = slot->definition->text;
    bool is_other =
        text.len != entry->body.len || memcmp(text.data, entry->body.data, text.len) != 0;
    if (is_other && slot->refs == 0 && !slot->hidden) {
        definitions_take_out(driver, slot);
        definitions_destroy(slot);
        return false;
    }
    slot->round = driver->registry_round;
    if (entry->hidden && !slot->hidden) {
        definitions_take_out(driver, slot);
        definitions_hide(driver, slot);
    }
    return true;
}

/* It was published while the limit was higher. */
static void warn_if_long(const struct driver *driver, const struct definition *definition)
{
    struct faults faults = {0};
    if (definition_check_timeouts(definition, driver->config->timeout_max_us,
                                  driver->config->prepare_timeout_max_us, &faults) != 0) {
        log_line(LOG_WARN,
                 "a definition has a longer timeout than is taken: it runs under the limit",
                 "definition", definition->name, "reason",
                 faults.count > 0 ? faults.list[0].text : NULL, NULL);
    }
    faults_finish(&faults);
}

static int load_new(struct driver *driver, const struct journal_entry *entry)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    int error = definition_parse(entry->body, &faults, &definition);
    faults_finish(&faults);
    if (error != 0)
        return error;
    struct definition_slot *slot = definitions_make(driver, definition);
    if (slot == NULL)
        return TROTH_ERROR_NO_MEMORY;
    driver->definitions_coming--;
    slot->round = driver->registry_round;
    warn_if_long(driver, definition);
    if (entry->hidden)
        definitions_hide(driver, slot);
    else
        definitions_insert(driver, slot);
    return 0;
}

void definitions_load(struct driver *driver, const struct journal_entry *entry)
{
    char name[TROTH_NAME_LEN_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)entry->name.len, entry->name.data);
    struct definition_slot *known = registry_definition(driver, name, entry->version);
    struct definition_slot **hidden = definitions_find_hidden(driver, name, entry->version);
    if (known == NULL && *hidden != NULL && entry->hidden)
        known = *hidden;
    if (known != NULL && load_known(driver, known, entry))
        return;
    int error = load_new(driver, entry);
    if (error != 0) {
        log_line(LOG_ERROR, "a definition of the journal cannot be loaded", "definition", name,
                 "reason", troth_error_text(error), NULL);
    }
}

/* Behind a load: what is in memory and not in the journal any more. */
void definitions_loaded(struct driver *driver)
{
    for (uint32_t i = driver->definitions_count; i-- > 0;) {
        struct definition_slot *slot = driver->definitions[i];
        if (slot->round != driver->registry_round) {
            definitions_take_out(driver, slot);
            definitions_hide(driver, slot);
        }
    }
    if (driver_settled(driver))
        definitions_recovered(driver);
}

const struct definition *registry_host_definition_behind(void *ctx, const char *name,
                                                         uint32_t version)
{
    const struct driver *driver = ctx;
    uint32_t at = place_of(driver, name, version);
    if (at < driver->definitions_count &&
        compare(driver->definitions[at]->definition, name, version) == 0)
        at++;
    return at < driver->definitions_count ? driver->definitions[at]->definition : NULL;
}
