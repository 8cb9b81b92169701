/* registry.c: definitions in memory. Participants: participants.c. Both are written to the journal
 * first. */
#include "driver_private.h"

#include <stdlib.h>
#include <string.h>

#include <protocol/json.h>

static int compare(const struct definition *a, const char *name, uint32_t version)
{
    int order = strcmp(a->name, name);
    if (order != 0) {
        return order;
    }
    return a->version < version ? -1 : a->version > version;
}

void registry_hold(struct definition_slot *slot)
{
    slot->refs++;
}

static void destroy_slot(struct definition_slot *slot)
{
    definition_destroy(slot->definition);
    free(slot);
}

/* Takes NULL. */
void registry_let_go(struct definition_slot *slot)
{
    if (slot != NULL && --slot->refs == 0 && slot->deleted) {
        destroy_slot(slot);
    }
}

/* version 0: the newest of that name. */
struct definition_slot *registry_definition(const struct driver *driver, const char *name,
                                            uint32_t version)
{
    struct definition_slot *found = NULL;
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        struct definition_slot *slot = driver->definitions[i];
        if (strcmp(slot->definition->name, name) == 0 &&
            (version == 0 || slot->definition->version == version)) {
            found = slot; /* sorted: the last is the newest */
        }
    }
    return found;
}

static int insert(struct driver *driver, struct definition *taken)
{
    if (driver->definitions_count == driver->definitions_cap) {
        uint32_t cap = driver->definitions_cap == 0 ? 64 : driver->definitions_cap * 2;
        void *grown = realloc(driver->definitions, cap * sizeof(struct definition_slot *));
        if (grown == NULL) {
            return TROTH_ERROR_NO_MEMORY;
        }
        driver->definitions = grown;
        driver->definitions_cap = cap;
    }
    struct definition_slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    slot->definition = taken;
    uint32_t at = driver->definitions_count++;
    while (at > 0 &&
           compare(driver->definitions[at - 1]->definition, taken->name, taken->version) > 0) {
        driver->definitions[at] = driver->definitions[at - 1];
        at--;
    }
    driver->definitions[at] = slot;
    return 0;
}

static void remove_slot(struct driver *driver, struct definition_slot *slot)
{
    uint32_t at = 0;
    while (driver->definitions[at] != slot) {
        at++;
    }
    driver->definitions_count--;
    memmove(&driver->definitions[at], &driver->definitions[at + 1],
            (driver->definitions_count - at) * sizeof(struct definition_slot *));
    slot->deleted = true;
    if (slot->refs == 0) {
        destroy_slot(slot);
    }
}

void registry_finish(struct driver *driver)
{
    while (driver->definitions_count > 0) {
        remove_slot(driver, driver->definitions[driver->definitions_count - 1]);
    }
    free(driver->definitions);
    participants_finish(driver);
}

/* --- loading --------------------------------------------------------------------------------- */

static void load_definition(struct driver *driver, const struct journal_entry *entry)
{
    struct definition_faults faults = {0};
    struct definition *definition = NULL;
    int error = definition_parse(entry->body, &faults, &definition);
    if (error == 0) {
        error = insert(driver, definition);
    }
    if (error != 0) {
        char name[TROTH_NAME_LEN_MAX + 1];
        (void)snprintf(name, sizeof name, "%.*s", (int)entry->name.len, entry->name.data);
        log_line(LOG_ERROR, "a definition of the journal can not be loaded", "definition", name,
                 "reason", troth_error_text(error), NULL);
        definition_destroy(definition);
    }
    definition_faults_finish(&faults);
}

static void on_loaded(void *arg, int error, const struct journal_entry *entry);

static void load_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    registry_load(arg);
}

/* A database that can not answer now is no end: it is asked again. */
static void not_loaded(struct driver *driver)
{
    static const struct timeval pause = {.tv_sec = 1};
    log_line(LOG_WARN, "the registry can not be read from the journal yet: trying again", "reason",
             journal_words(driver->journal), NULL);
    if (event_base_once(driver->base, -1, EV_TIMEOUT, load_again, driver, &pause) != 0) {
        driver_fail(driver, "no memory to read the registry again");
    }
}

static void on_loaded(void *arg, int error, const struct journal_entry *entry)
{
    struct driver *driver = arg;
    if (error != 0) {
        not_loaded(driver);
    } else if (entry == NULL) {
        driver->registry_loaded = true;
    } else if (entry->what == JOURNAL_DEFINITION) {
        load_definition(driver, entry);
    } else {
        participants_load(driver, entry);
    }
}

void registry_load(struct driver *driver)
{
    journal_registry_load(driver->journal, on_loaded, driver);
}

/* --- what the API asks for ------------------------------------------------------------------- */

struct definition_change {
    struct driver *driver;
    struct definition *taken; /* put */
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version;
    api_done_fn fn;
    void *arg;
};

static void finish_change(struct definition_change *change, const struct api_problem *problem)
{
    change->fn(change->arg, problem);
    definition_destroy(change->taken);
    free(change);
}

static void problem_version(struct api_problem *problem, const struct definition *definition)
{
    (void)api_problem_set(
        problem, API_PROBLEM_VERSION_PUBLISHED,
        "definition \"%s\" version %u is published with another body: raise \"version\"",
        definition->name, definition->version);
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct definition_change *change = arg;
    struct api_problem problem;
    if (error == TROTH_ERROR_EXISTS) {
        problem_version(&problem, change->taken);
        finish_change(change, &problem);
        return;
    }
    const struct definition *taken = change->taken;
    if (error == 0 && registry_definition(change->driver, taken->name, taken->version) == NULL) {
        error = insert(change->driver, change->taken);
        change->taken = error == 0 ? NULL : change->taken;
    }
    if (error != 0) {
        problem_unavailable(&problem, "the journal did not confirm it; put it again");
        finish_change(change, &problem);
        return;
    }
    finish_change(change, NULL);
}

static struct definition_change *new_change(struct driver *driver, api_done_fn fn, void *arg)
{
    struct definition_change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        struct api_problem problem;
        problem_unavailable(&problem, "out of memory");
        fn(arg, &problem);
        return NULL;
    }
    change->driver = driver;
    change->fn = fn;
    change->arg = arg;
    return change;
}

void registry_host_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct definition_change *change = new_change(driver, fn, arg);
    if (change == NULL) {
        definition_destroy(taken);
        return;
    }
    change->taken = taken;
    const struct definition_slot *slot = registry_definition(driver, taken->name, taken->version);
    if (slot != NULL) {
        struct api_problem problem;
        bool same = definition_same(slot->definition, taken);
        problem_version(&problem, taken);
        finish_change(change, same ? NULL : &problem);
        return;
    }
    struct journal_entry entry = {.what = JOURNAL_DEFINITION,
                                  .name = {taken->name, strlen(taken->name)},
                                  .version = taken->version,
                                  .body = taken->text,
                                  .updated_at = driver_now().wall};
    journal_registry_put(driver->journal, &entry, on_put, change);
}

/* Every version asked for that is open would have to be loaded again after a restart. */
static const struct definition_slot *in_use(const struct driver *driver, const char *name,
                                            uint32_t version)
{
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct definition_slot *slot = driver->definitions[i];
        if (strcmp(slot->definition->name, name) == 0 && slot->refs > 0 &&
            (version == 0 || version == slot->definition->version)) {
            return slot;
        }
    }
    return NULL;
}

static void on_deleted(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct definition_change *change = arg;
    struct api_problem problem;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        problem_unavailable(&problem, "the journal did not confirm it; delete it again");
        finish_change(change, &problem);
        return;
    }
    struct definition_slot *slot;
    while ((slot = registry_definition(change->driver, change->name, change->version)) != NULL) {
        remove_slot(change->driver, slot);
    }
    finish_change(change, NULL);
}

void registry_host_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                     void *arg)
{
    struct driver *driver = ctx;
    struct definition_change *change = new_change(driver, fn, arg);
    if (change == NULL) {
        return;
    }
    struct api_problem problem;
    const struct definition_slot *used = in_use(driver, name, version);
    if (registry_definition(driver, name, version) == NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_NO_SUCH_DEFINITION,
                              "there is no definition \"%s\"%s", name,
                              version != 0 ? " of that version" : "");
        finish_change(change, &problem);
        return;
    }
    if (used != NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_IN_USE,
                              "version %u of \"%s\" runs in %u open transactions",
                              used->definition->version, name, used->refs);
        finish_change(change, &problem);
        return;
    }
    (void)snprintf(change->name, sizeof change->name, "%s", name);
    change->version = version;
    struct troth_span span = {change->name, strlen(change->name)};
    journal_registry_delete(driver->journal, JOURNAL_DEFINITION, span, version, on_deleted, change);
}

const struct definition *registry_host_definition(void *ctx, const char *name, uint32_t version)
{
    const struct definition_slot *slot = registry_definition(ctx, name, version);
    return slot == NULL ? NULL : slot->definition;
}

const struct definition *registry_host_definition_at(void *ctx, uint32_t i)
{
    const struct driver *driver = ctx;
    return i < driver->definitions_count ? driver->definitions[i]->definition : NULL;
}
