/* participants.c: the registered participants, sorted by name, each with its channel; who needs
 * which.
 *
 * A participant is there for as long as an open transaction has a branch at it: its channel may be
 * held, waited for and sent to without asking whether it is still there. Another registration
 * changes where the channel leads, never the channel. */
#include "participants.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <api/api.h>
#include <journal/journal.h>
#include <net/channel.h>

#include "admission.h"
#include "config.h"
#include "entry.h"
#include "notice.h"
#include "state.h"
#include "table.h"

/* --- by name --------------------------------------------------------------------------------- */

/* Where it is, or would be. */
static uint32_t place_of(const struct driver *driver, const char *name)
{
    uint32_t from = 0, to = driver->participants_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (strcmp(driver->participants[middle]->name, name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct participant *participants_find(const struct driver *driver, const char *name)
{
    uint32_t at = place_of(driver, name);
    bool found =
        at < driver->participants_count && strcmp(driver->participants[at]->name, name) == 0;
    return found ? driver->participants[at] : NULL;
}

struct participant *participants_behind(const struct driver *driver, const char *name)
{
    uint32_t at = place_of(driver, name);
    if (at < driver->participants_count && strcmp(driver->participants[at]->name, name) == 0)
        at++;
    return at < driver->participants_count ? driver->participants[at] : NULL;
}

struct participant *registry_participant(const struct driver *driver, const char *name)
{
    struct participant *participant = participants_find(driver, name);
    return participant != NULL && !participant->deleting ? participant : NULL;
}

int participants_reserve(struct driver *driver)
{
    uint32_t wanted = driver->participants_count + driver->participants_coming + 1;
    if (wanted > driver->participants_cap) {
        uint32_t cap = wanted < 64 ? 64 : wanted * 2;
        void *grown = realloc(driver->participants, cap * sizeof(struct participant *));
        if (grown == NULL)
            return TROTH_ERROR_NO_MEMORY;
        driver->participants = grown;
        driver->participants_cap = cap;
    }
    driver->participants_coming++;
    return 0;
}

static void insert(struct driver *driver, struct participant *taken)
{
    uint32_t at = place_of(driver, taken->name);
    assert(driver->participants_count < driver->participants_cap);
    memmove(&driver->participants[at + 1], &driver->participants[at],
            (driver->participants_count - at) * sizeof(struct participant *));
    driver->participants[at] = taken;
    driver->participants_count++;
    admission_owners(&driver->admission, SEAT_PARTICIPANT, driver->participants_count);
}

/* --- their life ------------------------------------------------------------------------------ */

void participants_destroy(struct participant *participant)
{
    if (participant == NULL)
        return;
    assert(participant->share.open == 0);
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++)
        free(participant->urls[i]);
    free(participant->token_file);
    channel_destroy(participant->channel);
    free(participant->body);
    free(participant);
}

static void on_heard(void *arg, const char *name, bool is_up, const char *why)
{
    notice_participant(arg, name, is_up, why);
}

static void on_epoch(void *arg, uint32_t shard, uint32_t epoch)
{
    const struct driver *driver = arg;
    journal_epoch_seen(driver->journal, shard, epoch);
}

/* Whom trothd shows nothing cannot know whose commands it has seen, and over plain HTTP anybody on
 * the way may answer: its word does not end a node. */
static bool tells_epochs(const struct api_participant *from)
{
    bool all = true;
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX && from->urls[i] != NULL; i++)
        all = all && strncasecmp(from->urls[i], "https://", 8) == 0;
    return from->token_file != NULL || all;
}

/* NULL: no memory. */
static const char *token_path(const struct config *config, const char *name,
                              struct buffer *ret_path)
{
    buffer_append_format(ret_path, "%s/%s", config->participant_tokens, name);
    return buffer_text(ret_path);
}

static struct channel *make_channel(struct driver *driver, const struct api_participant *from)
{
    BUFFER_SCOPED struct buffer path = {.data = NULL};
    struct channel_config config = {
        .name = from->name,
        .binding = strcmp(from->binding, "batch") == 0 ? CHANNEL_BATCH : CHANNEL_HTTP,
        .slots = from->slots != 0 ? from->slots : (uint32_t)driver->config->participant_slots,
        .phase2_connections = (uint32_t)driver->config->phase2_connections,
        .connect_timeout_us = driver->config->connect_timeout_us,
        .tls = driver->tls,
        .reach = driver->reach,
        .plain_tokens = strcmp(driver->config->insecure, "yes") == 0,
        .journal = journal_id(driver->journal),
        .oldest_open = driver_oldest_open,
        .result = driver->hooks.result,
        .heard = on_heard,
        .epoch = tells_epochs(from) ? on_epoch : NULL,
        .arg = driver,
        .due = &driver->channels_due,
        .bytes = &driver->command_bytes};
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++)
        config.urls[i] = from->urls[i];
    struct channel *channel = NULL;
    if (from->token_file != NULL) {
        config.token_file = token_path(driver->config, from->token_file, &path);
        if (config.token_file == NULL)
            return NULL;
    }
    if (channel_create(driver->http, &config, &channel) != 0)
        return NULL;
    channel_share(channel, driver->nodes_leading);
    return channel;
}

static bool copy_texts(struct participant *made, const struct api_participant *from,
                       struct troth_span body)
{
    bool ok = true;
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX && from->urls[i] != NULL; i++) {
        made->urls[i] = strdup(from->urls[i]);
        ok = ok && made->urls[i] != NULL;
    }
    if (from->token_file != NULL) {
        made->token_file = strdup(from->token_file);
        ok = ok && made->token_file != NULL;
    }
    made->body = strndup(body.data, body.len);
    return ok && made->body != NULL;
}

int participants_make(struct driver *driver, const struct api_participant *from,
                      struct troth_span body, struct participant **ret_participant)
{
    struct participant *made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->slots = from->slots;
    again_init(&made->again);
    made->inquires = strcmp(from->binding, "batch") == 0;
    (void)snprintf(made->name, sizeof made->name, "%s", from->name);
    (void)snprintf(made->binding, sizeof made->binding, "%s", from->binding);
    made->channel = make_channel(driver, from);
    if (made->channel == NULL || !copy_texts(made, from, body)) {
        int error = made->channel == NULL ? TROTH_ERROR_CONFIG : TROTH_ERROR_NO_MEMORY;
        participants_destroy(made);
        return error;
    }
    *ret_participant = made;
    return 0;
}

/* The registration of `taken` in the place of the one before: who needs the participant goes on. */
static void replace(struct participant *participant, struct participant *taken)
{
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++) {
        free(participant->urls[i]);
        participant->urls[i] = taken->urls[i];
    }
    free(participant->token_file);
    participant->token_file = taken->token_file;
    free(participant->body);
    participant->body = taken->body;
    participant->slots = taken->slots;
    participant->inquires = taken->inquires;
    memcpy(participant->binding, taken->binding, sizeof participant->binding);
    channel_replace(participant->channel, taken->channel);
    free(taken);
}

struct participant *participants_apply(struct driver *driver, struct participant *taken)
{
    struct participant *participant = participants_find(driver, taken->name);
    assert(driver->participants_coming > 0);
    driver->participants_coming--;
    if (participant == NULL) {
        insert(driver, taken);
        return taken;
    }
    replace(participant, taken);
    return participant;
}

void participants_share(struct driver *driver, uint32_t nodes)
{
    if (nodes == driver->nodes_leading)
        return;
    driver->nodes_leading = nodes;
    for (uint32_t i = 0; i < driver->participants_count; i++)
        channel_share(driver->participants[i]->channel, nodes);
}

void participants_remove(struct driver *driver, struct participant *participant)
{
    uint32_t at = place_of(driver, participant->name);
    assert(driver->participants[at] == participant);
    driver->participants_count--;
    memmove(&driver->participants[at], &driver->participants[at + 1],
            (driver->participants_count - at) * sizeof(struct participant *));
    participants_destroy(participant);
    admission_owners(&driver->admission, SEAT_PARTICIPANT, driver->participants_count);
}

void participants_finish(struct driver *driver)
{
    while (driver->participants_count > 0)
        participants_remove(driver, driver->participants[driver->participants_count - 1]);
    free(driver->participants);
}

/* --- who needs which ------------------------------------------------------------------------- */

static bool needs(const struct entry *entry, uint32_t branches, const struct participant *other)
{
    for (uint32_t i = 0; i < branches; i++)
        if (entry->extra[i].participant == other)
            return true;
    return false;
}

struct participant *participants_of(struct entry *entry, uint32_t index)
{
    struct entry_branch *extra = &entry->extra[index];
    assert(index < entry->branches_cap);
    if (extra->participant != NULL)
        return extra->participant;
    struct participant *participant =
        registry_participant(entry->driver, entry->branches[index].participant);
    if (participant != NULL && !needs(entry, entry->branches_cap, participant))
        participant->share.open++;
    extra->participant = participant;
    return participant;
}

void participants_hold(struct entry *entry)
{
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        (void)participants_of(entry, i);
}

void participants_let_go(struct entry *entry)
{
    for (uint32_t i = 0; i < entry->branches_cap; i++) {
        struct participant *participant = entry->extra[i].participant;
        entry->extra[i].participant = NULL;
        if (participant != NULL && !needs(entry, entry->branches_cap, participant)) {
            assert(participant->share.open > 0);
            participant->share.open--;
        }
    }
}

const struct entry *participants_example(const struct driver *driver,
                                         const struct participant *participant)
{
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        const struct entry *entry = driver->shards[shard].oldest;
        for (; entry != NULL; entry = entry->newer)
            if (needs(entry, entry->branches_cap, participant))
                return entry;
    }
    return NULL;
}
