/* keys.c: see keys.h. Memory and journal change together, as participants do: what a change needs
 * is made before the journal is asked, and where its answer is lost the registry is read again. */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <api/refusal.h>
#include <base/json.h>

#include "clock.h"
#include "log.h"
#include "registry.h"
#include "registry_change.h"
#include "state.h"

#define USED_EVERY_US UINT64_C(60000000) /* so often the journal hears of a key's use */

struct key {
    char name[TROTH_NAME_LEN_MAX + 1];
    uint8_t hash[API_KEY_HASH_BYTES];
    char *scopes; /* words as they were given, separated by spaces */
    uint32_t bits;
    struct buffer starts; /* empty: START is for everything */
    char created_by[API_WHO_MAX];
    struct wall created_at, expires_at, used_at, told_at;
    uint64_t round;
};

static void destroy(struct key *key)
{
    if (key == NULL)
        return;
    free(key->scopes);
    buffer_finish(&key->starts);
    free(key);
}

/* --- the table, by name ----------------------------------------------------------------------- */

/* Where it is, or belongs. */
static uint32_t place(const struct driver *driver, const char *name, bool *ret_there)
{
    uint32_t at = 0;
    while (at < driver->keys_count && strcmp(driver->keys[at]->name, name) < 0)
        at++;
    *ret_there = at < driver->keys_count && strcmp(driver->keys[at]->name, name) == 0;
    return at;
}

static void take_out(struct driver *driver, uint32_t at)
{
    destroy(driver->keys[at]);
    driver->keys_count--;
    memmove(&driver->keys[at], &driver->keys[at + 1],
            (driver->keys_count - at) * sizeof(struct key *));
}

/* Takes it. There is room: API_KEYS_MAX of them, which are asked for before they are made. */
static bool put_in(struct driver *driver, struct key *key)
{
    bool is_there;
    uint32_t at = place(driver, key->name, &is_there);
    if (driver->keys == NULL)
        driver->keys = calloc(API_KEYS_MAX, sizeof(struct key *));
    if (driver->keys == NULL || (!is_there && driver->keys_count == API_KEYS_MAX))
        return false;
    if (is_there) {
        key->used_at = driver->keys[at]->used_at;
        destroy(driver->keys[at]);
    } else {
        memmove(&driver->keys[at + 1], &driver->keys[at],
                (driver->keys_count - at) * sizeof(struct key *));
        driver->keys_count++;
    }
    driver->keys[at] = key;
    return true;
}

/* --- as the journal keeps it ------------------------------------------------------------------ */

static void append_hash(struct buffer *body, const uint8_t hash[API_KEY_HASH_BYTES])
{
    for (uint32_t i = 0; i < API_KEY_HASH_BYTES; i++)
        buffer_append_format(body, "%02x", hash[i]);
}

static void encode(const struct api_key *key, struct buffer *body)
{
    buffer_append_text(body, "{\"hash\":\"");
    append_hash(body, key->hash);
    buffer_append_text(body, "\",\"scopes\":");
    json_append_text(body, key->scopes);
    buffer_append_text(body, ",\"created_by\":");
    json_append_text(body, key->created_by);
    buffer_append_format(body, ",\"created_at\":%llu,\"expires_at\":%llu}",
                         (unsigned long long)key->created_at.us,
                         (unsigned long long)key->expires_at.us);
}

static bool read_hash(const cJSON *text, uint8_t ret_hash[API_KEY_HASH_BYTES])
{
    if (!cJSON_IsString(text) || strlen(text->valuestring) != (size_t)2 * API_KEY_HASH_BYTES)
        return false;
    for (uint32_t i = 0; i < API_KEY_HASH_BYTES; i++) {
        const char digits[3] = {text->valuestring[2 * i], text->valuestring[2 * i + 1], '\0'};
        char *end;
        ret_hash[i] = (uint8_t)strtoul(digits, &end, 16);
        if (*end != '\0')
            return false;
    }
    return true;
}

static bool read_time(const cJSON *number, struct wall *ret_time)
{
    if (!cJSON_IsNumber(number) || number->valuedouble < 0 || number->valuedouble > 9e15)
        return false;
    *ret_time = (struct wall){(uint64_t)number->valuedouble};
    return true;
}

static bool read_row(const cJSON *row, struct key *key)
{
    const cJSON *scopes = cJSON_GetObjectItemCaseSensitive(row, "scopes");
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(row, "created_by");
    if (!cJSON_IsString(scopes) || !cJSON_IsString(by) ||
        !read_hash(cJSON_GetObjectItemCaseSensitive(row, "hash"), key->hash) ||
        !read_time(cJSON_GetObjectItemCaseSensitive(row, "created_at"), &key->created_at) ||
        !read_time(cJSON_GetObjectItemCaseSensitive(row, "expires_at"), &key->expires_at))
        return false;
    (void)snprintf(key->created_by, sizeof key->created_by, "%s", by->valuestring);
    key->scopes = strdup(scopes->valuestring);
    return key->scopes != NULL && api_scopes_read(key->scopes, &key->bits, &key->starts) == 0;
}

/* NULL: it is no such row, or there is no memory for it. */
static struct key *decode(struct troth_span name, struct troth_span body)
{
    struct key *key = calloc(1, sizeof *key);
    cJSON *row = cJSON_ParseWithLengthOpts(body.data, body.len, NULL, false);
    bool good = key != NULL && row != NULL && name.len <= TROTH_NAME_LEN_MAX;
    if (good)
        memcpy(key->name, name.data, name.len);
    good = good && read_row(row, key);
    cJSON_Delete(row);
    if (good)
        return key;
    destroy(key);
    return NULL;
}

void keys_load(struct driver *driver, const struct journal_entry *entry)
{
    struct key *key = decode(entry->name, entry->body);
    if (key != NULL) {
        key->used_at = key->told_at = entry->updated_at;
        key->round = driver->registry_round;
        if (put_in(driver, key))
            return;
        destroy(key);
    }
    char name[TROTH_NAME_LEN_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)entry->name.len, entry->name.data);
    log_line(LOG_ERROR, "an API key of the journal cannot be loaded: it opens nothing", "key", name,
             NULL);
}

static void revoked(struct driver *driver, uint32_t at)
{
    char who[API_WHO_MAX];
    (void)snprintf(who, sizeof who, API_WHO_KEY "%.48s", driver->keys[at]->name);
    take_out(driver, at);
    if (driver->api != NULL)
        api_identity_ended(driver->api, who);
}

/* Whoever is in memory and not in the journal any more was revoked. */
void keys_loaded(struct driver *driver)
{
    for (uint32_t i = driver->keys_count; i-- > 0;)
        if (driver->keys[i]->round != driver->registry_round)
            revoked(driver, i);
}

void keys_finish(struct driver *driver)
{
    while (driver->keys_count > 0)
        take_out(driver, driver->keys_count - 1);
    free(driver->keys);
}

/* --- who is it -------------------------------------------------------------------------------- */

/* As long for one that is nearly right as for one that is not. */
static bool is_same(const uint8_t *a, const uint8_t *b)
{
    uint8_t differs = 0;
    for (uint32_t i = 0; i < API_KEY_HASH_BYTES; i++)
        differs |= (uint8_t)(a[i] ^ b[i]);
    return differs == 0;
}

static void note_use(struct driver *driver, struct key *key, struct wall now)
{
    key->used_at = now;
    if (key->told_at.us + USED_EVERY_US > now.us || !driver->joined)
        return;
    key->told_at = now;
    journal_api_key_used(driver->journal, (struct troth_span){key->name, strlen(key->name)});
}

int keys_identify(void *ctx, const uint8_t hash[API_KEY_HASH_BYTES],
                  struct api_identity *ret_identity)
{
    struct driver *driver = ctx;
    struct key *found = NULL;
    struct wall now = driver_now().wall;
    if (!driver->registry_loaded)
        return TROTH_ERROR_UNAVAILABLE;
    for (uint32_t i = 0; i < driver->keys_count; i++)
        if (is_same(driver->keys[i]->hash, hash))
            found = driver->keys[i];
    if (found == NULL || (found->expires_at.us != 0 && found->expires_at.us <= now.us))
        return TROTH_ERROR_NOT_FOUND;
    note_use(driver, found, now);
    (void)snprintf(ret_identity->who, sizeof ret_identity->who, API_WHO_KEY "%.48s", found->name);
    ret_identity->scopes = found->bits;
    ret_identity->starts = found->starts.len > 0 ? buffer_text(&found->starts) : NULL;
    return 0;
}

static void show(const struct key *key, struct api_key *ret_key)
{
    *ret_key = (struct api_key){.name = key->name,
                                .scopes = key->scopes,
                                .created_by = key->created_by,
                                .created_at = key->created_at,
                                .expires_at = key->expires_at,
                                .used_at = key->used_at};
    memcpy(ret_key->hash, key->hash, sizeof ret_key->hash);
}

bool keys_get(void *ctx, const char *name, struct api_key *ret_key)
{
    const struct driver *driver = ctx;
    bool is_there;
    uint32_t at = place(driver, name, &is_there);
    if (is_there)
        show(driver->keys[at], ret_key);
    return is_there;
}

bool keys_behind(void *ctx, const char *name, struct api_key *ret_key)
{
    const struct driver *driver = ctx;
    bool is_there;
    uint32_t at = place(driver, name, &is_there);
    at += is_there ? 1 : 0;
    if (at < driver->keys_count)
        show(driver->keys[at], ret_key);
    return at < driver->keys_count;
}

/* --- changes ---------------------------------------------------------------------------------- */

static void discard(struct driver *driver, void *made)
{
    (void)driver;
    destroy(made);
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    struct registry_change *change = arg;
    struct key *made = change->made;
    struct api_problem problem;
    (void)entry;
    if (error != 0) {
        (void)registry_refused(change->driver, error, &problem);
    } else if (put_in(change->driver, made)) {
        made->round = change->driver->registry_round;
        change->made = NULL;
    } else {
        error = registry_refused(change->driver, TROTH_ERROR_UNKNOWN, &problem) ? -1 : 0;
    }
    registry_change_finish(change, error == 0 ? NULL : &problem);
}

void keys_put(void *ctx, const struct api_key *key, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change = registry_change_create(driver, key->name, discard, fn, arg);
    if (change == NULL)
        return;
    encode(key, &change->body);
    if (!change->body.failed)
        change->made = decode(registry_change_name(change), buffer_span(&change->body));
    if (change->made == NULL) {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        registry_change_finish(change, &problem);
        return;
    }
    const struct journal_entry entry = {.what = JOURNAL_API_KEY,
                                        .name = registry_change_name(change),
                                        .body = buffer_span(&change->body)};
    journal_registry_put(driver->journal, &entry, on_put, change);
}

static void on_deleted(void *arg, int error, const struct journal_entry *entry)
{
    struct registry_change *change = arg;
    struct api_problem problem;
    bool is_there;
    uint32_t at = place(change->driver, change->name, &is_there);
    (void)entry;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        (void)registry_refused(change->driver, error, &problem);
        registry_change_finish(change, &problem);
        return;
    }
    if (is_there)
        take_out(change->driver, at);
    registry_change_finish(change, NULL);
}

void keys_delete(void *ctx, const char *name, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change = registry_change_create(driver, name, NULL, fn, arg);
    if (change != NULL)
        journal_registry_delete(driver->journal, JOURNAL_API_KEY, registry_change_name(change), 0,
                                on_deleted, change);
}
