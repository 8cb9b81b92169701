/* definitions.c: published definitions in memory, sorted by name and version; and hidden ones, that
 * were deleted while transactions ran them.
 *
 * A definition's text stays, here and in the journal, for as long as a transaction that has not
 * ended needs it: also one that the journal is to hear of yet. Memory and journal change together
 * or not at all: what a change needs is made before the journal is asked. */
#include "driver_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct definition *a, const char *name, uint32_t version)
{
    int order = strcmp(a->name, name);
    if (order != 0) {
        return order;
    }
    return a->version < version ? -1 : a->version > version;
}

/* Of the first that is not before. */
static uint32_t place_of(const struct driver *driver, const char *name, uint32_t version)
{
    uint32_t from = 0, to = driver->definitions_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(driver->definitions[middle]->definition, name, version) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* version 0: the newest of that name. */
struct definition_slot *registry_definition(const struct driver *driver, const char *name,
                                            uint32_t version)
{
    uint32_t at = place_of(driver, name, version != 0 ? version : UINT32_MAX);
    if (version == 0) {
        if (at == 0 || strcmp(driver->definitions[at - 1]->definition->name, name) != 0) {
            return NULL;
        }
        return driver->definitions[at - 1];
    }
    bool found = at < driver->definitions_count &&
                 compare(driver->definitions[at]->definition, name, version) == 0;
    return found ? driver->definitions[at] : NULL;
}

static struct definition_slot **find_hidden(struct driver *driver, const char *name,
                                            uint32_t version)
{
    struct definition_slot **at = &driver->hidden;
    while (*at != NULL && compare((*at)->definition, name, version) != 0) {
        at = &(*at)->next;
    }
    return at;
}

struct definition_slot *registry_definition_of(struct driver *driver, const char *name,
                                               uint32_t version)
{
    struct definition_slot *slot = registry_definition(driver, name, version);
    return slot != NULL ? slot : *find_hidden(driver, name, version);
}

/* --- their life ------------------------------------------------------------------------------ */

static void destroy_slot(struct definition_slot *slot)
{
    if (slot != NULL) {
        owners_put(&slot->driver->families, slot->family);
        seats_count_owners(slot->driver);
        definition_destroy(slot->definition);
        free(slot);
    }
}

/* Room in the table for one more. */
static bool reserve(struct driver *driver)
{
    uint32_t wanted = driver->definitions_count + driver->definitions_coming + 1;
    if (wanted <= driver->definitions_cap) {
        return true;
    }
    uint32_t cap = wanted < 64 ? 64 : wanted * 2;
    void *grown = realloc(driver->definitions, cap * sizeof(struct definition_slot *));
    if (grown != NULL) {
        driver->definitions = grown;
        driver->definitions_cap = cap;
    }
    return grown != NULL;
}

/* A slot for it, and room in the table. Takes the definition. NULL: no memory. */
static struct definition_slot *make_slot(struct driver *driver, struct definition *taken)
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
        destroy_slot(slot);
        return NULL;
    }
    seats_count_owners(driver);
    driver->definitions_coming++;
    return slot;
}

static void insert(struct driver *driver, struct definition_slot *slot)
{
    uint32_t at = place_of(driver, slot->definition->name, slot->definition->version);
    assert(driver->definitions_count < driver->definitions_cap);
    memmove(&driver->definitions[at + 1], &driver->definitions[at],
            (driver->definitions_count - at) * sizeof(struct definition_slot *));
    driver->definitions[at] = slot;
    driver->definitions_count++;
}

static void take_out(struct driver *driver, const struct definition_slot *slot)
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
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        (void)registry_refused(driver, error, &problem);
    }
}

/* Nothing runs it any more, and whatever ran it has ended durably. */
static void forget(struct definition_slot *slot)
{
    struct driver *driver = slot->driver;
    const struct definition *definition = slot->definition;
    struct definition_slot **at = find_hidden(driver, definition->name, definition->version);
    assert(*at == slot && slot->refs == 0);
    if (driver->registry_loaded && driver->recovered && !driver->finishing) {
        journal_definition_forget(driver->journal,
                                  (struct troth_span){definition->name, strlen(definition->name)},
                                  definition->version, on_forgotten, driver);
    }
    *at = slot->next;
    destroy_slot(slot);
}

static void hide(struct driver *driver, struct definition_slot *slot)
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
    if (slot != NULL && --slot->refs == 0 && slot->hidden) {
        forget(slot);
    }
}

/* Behind recovery: what was deleted and nothing needs. */
void definitions_recovered(struct driver *driver)
{
    struct definition_slot *slot = driver->hidden;
    while (slot != NULL) {
        struct definition_slot *next = slot->next;
        if (slot->refs == 0) {
            forget(slot);
        }
        slot = next;
    }
}

void definitions_finish(struct driver *driver)
{
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        destroy_slot(driver->definitions[i]);
    }
    free(driver->definitions);
    while (driver->hidden != NULL) {
        struct definition_slot *next = driver->hidden->next;
        destroy_slot(driver->hidden);
        driver->hidden = next;
    }
}

/* --- loading --------------------------------------------------------------------------------- */

/* One that is known: only whether it is hidden can have changed. */
static void load_known(struct driver *driver, struct definition_slot *slot, bool hidden)
{
    slot->round = driver->registry_round;
    if (hidden && !slot->hidden) {
        take_out(driver, slot);
        hide(driver, slot);
    }
}

/* It was published while the limit was higher. */
static void warn_if_long(const struct driver *driver, const struct definition *definition)
{
    struct definition_faults faults = {0};
    if (definition_check_timeouts(definition, driver->config->timeout_max_us,
                                  driver->config->prepare_timeout_max_us, &faults) != 0) {
        log_line(LOG_WARN,
                 "a definition has a longer timeout than is taken: it runs under the limit",
                 "definition", definition->name, "reason",
                 faults.count > 0 ? faults.list[0].text : NULL, NULL);
    }
    definition_faults_finish(&faults);
}

static int load_new(struct driver *driver, const struct journal_entry *entry)
{
    struct definition_faults faults = {0};
    struct definition *definition = NULL;
    int error = definition_parse(entry->body, &faults, &definition);
    definition_faults_finish(&faults);
    if (error != 0) {
        return error;
    }
    struct definition_slot *slot = make_slot(driver, definition);
    if (slot == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    driver->definitions_coming--;
    slot->round = driver->registry_round;
    warn_if_long(driver, definition);
    if (entry->hidden) {
        hide(driver, slot);
    } else {
        insert(driver, slot);
    }
    return 0;
}

void definitions_load(struct driver *driver, const struct journal_entry *entry)
{
    char name[TROTH_NAME_LEN_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)entry->name.len, entry->name.data);
    struct definition_slot *known = registry_definition(driver, name, entry->version);
    struct definition_slot **hidden = find_hidden(driver, name, entry->version);
    if (known == NULL && *hidden != NULL && entry->hidden) {
        known = *hidden;
    }
    if (known != NULL) {
        load_known(driver, known, entry->hidden);
        return;
    }
    int error = load_new(driver, entry);
    if (error != 0) {
        log_line(LOG_ERROR, "a definition of the journal can not be loaded", "definition", name,
                 "reason", troth_error_text(error), NULL);
    }
}

/* Behind a load: what is in memory and not in the journal any more. */
void definitions_loaded(struct driver *driver)
{
    for (uint32_t i = driver->definitions_count; i-- > 0;) {
        struct definition_slot *slot = driver->definitions[i];
        if (slot->round != driver->registry_round) {
            take_out(driver, slot);
            hide(driver, slot);
        }
    }
    if (driver->recovered) {
        definitions_recovered(driver);
    }
}

/* --- what the API asks for ------------------------------------------------------------------- */

struct definition_change {
    struct driver *driver;
    struct definition_slot *made; /* put: in force once the journal has it */
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version;
    api_done_fn fn;
    void *arg;
};

static void finish_change(struct definition_change *change, const struct api_problem *problem)
{
    change->fn(change->arg, problem);
    if (change->made != NULL) {
        change->driver->definitions_coming--;
        destroy_slot(change->made);
    }
    free(change);
}

static struct definition_change *new_change(struct driver *driver, const char *name,
                                            uint32_t version, api_done_fn fn, void *arg)
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
    change->version = version;
    (void)snprintf(change->name, sizeof change->name, "%s", name);
    return change;
}

static void problem_version(struct api_problem *problem, const struct definition_change *change,
                            const char *and)
{
    (void)api_problem_set(
        problem, API_PROBLEM_VERSION_PUBLISHED,
        "definition \"%s\" version %u is published with another body%s: raise \"version\"",
        change->name, change->version, and);
}

/* The journal has it. A hidden one that means the same comes back, with all that runs it. */
static void publish(struct definition_change *change)
{
    struct driver *driver = change->driver;
    struct definition_slot **hidden = find_hidden(driver, change->name, change->version);
    struct definition_slot *slot = change->made;
    if (registry_definition(driver, change->name, change->version) != NULL) {
        return; /* put twice at a time */
    }
    if (*hidden != NULL && definition_same((*hidden)->definition, slot->definition)) {
        slot = *hidden;
        *hidden = slot->next;
        slot->hidden = false;
    } else {
        change->made = NULL;
        driver->definitions_coming--;
    }
    insert(driver, slot);
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct definition_change *change = arg;
    struct api_problem problem;
    if (error == 0) {
        publish(change);
    } else if (error == TROTH_ERROR_EXISTS) {
        problem_version(&problem, change, "");
    } else {
        (void)registry_refused(change->driver, error, &problem);
    }
    finish_change(change, error == 0 ? NULL : &problem);
}

/* What stands in its way already. true: *problem, or (the same is there) nothing is to be done. */
static bool is_settled(const struct definition_change *change, const struct definition *definition,
                       struct api_problem *problem, bool *ret_same)
{
    struct driver *driver = change->driver;
    const struct definition_slot *slot =
        registry_definition_of(driver, change->name, change->version);
    if (slot == NULL || (slot->hidden && slot->refs == 0)) {
        return false;
    }
    *ret_same = definition_same(slot->definition, definition);
    if (!*ret_same) {
        problem_version(problem, change,
                        slot->hidden ? ", deleted, and transactions run it that have not ended"
                                     : "");
    }
    return !*ret_same || !slot->hidden;
}

void registry_host_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct definition_change *change = new_change(driver, taken->name, taken->version, fn, arg);
    struct api_problem problem;
    bool same = false;
    if (change == NULL) {
        definition_destroy(taken);
        return;
    }
    if (is_settled(change, taken, &problem, &same)) {
        definition_destroy(taken);
        finish_change(change, same ? NULL : &problem);
        return;
    }
    change->made = make_slot(driver, taken);
    if (change->made == NULL) {
        problem_unavailable(&problem, "out of memory");
        finish_change(change, &problem);
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
    struct definition_change *change = arg;
    struct driver *driver = change->driver;
    struct api_problem problem;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        (void)registry_refused(driver, error, &problem);
        finish_change(change, &problem);
        return;
    }
    struct definition_slot *slot = registry_definition(driver, change->name, change->version);
    if (slot != NULL) {
        take_out(driver, slot);
        hide(driver, slot);
        if (slot->refs == 0) {
            forget(slot);
        }
    }
    finish_change(change, NULL);
}

/* What runs it goes on. */
void registry_host_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                     void *arg)
{
    struct driver *driver = ctx;
    struct definition_change *change = new_change(driver, name, version, fn, arg);
    if (change == NULL) {
        return;
    }
    struct api_problem problem;
    if (registry_definition(driver, name, version) == NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_NO_SUCH_DEFINITION,
                              "there is no definition \"%s\" of version %u", name, version);
        finish_change(change, &problem);
        return;
    }
    struct troth_span span = {change->name, strlen(change->name)};
    journal_registry_delete(driver->journal, JOURNAL_DEFINITION, span, version, on_deleted, change);
}

const struct definition *registry_host_definition(void *ctx, const char *name, uint32_t version)
{
    const struct definition_slot *slot = registry_definition(ctx, name, version);
    return slot == NULL ? NULL : slot->definition;
}

const struct definition *registry_host_definition_behind(void *ctx, const char *name,
                                                         uint32_t version)
{
    const struct driver *driver = ctx;
    uint32_t at = place_of(driver, name, version);
    if (at < driver->definitions_count &&
        compare(driver->definitions[at]->definition, name, version) == 0) {
        at++;
    }
    return at < driver->definitions_count ? driver->definitions[at]->definition : NULL;
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
