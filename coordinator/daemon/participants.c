/* participants.c: the registry of participants, each with its channel. */
#include "driver_private.h"

#include <stdlib.h>
#include <string.h>

#include <protocol/json.h>

struct participant *registry_participant(const struct driver *driver, const char *name)
{
    struct participant *participant = driver->participants;
    while (participant != NULL && strcmp(participant->name, name) != 0) {
        participant = participant->next;
    }
    return participant;
}

static struct channel *make_channel(struct driver *driver, const struct api_participant *from)
{
    struct channel_config config = {
        .name = from->name,
        .binding = strcmp(from->binding, "batch") == 0 ? CHANNEL_BATCH : CHANNEL_HTTP,
        .slots = from->slots != 0 ? from->slots : (uint32_t)driver->config->participant_slots,
        .phase2_connections = (uint32_t)driver->config->phase2_connections,
        .connect_timeout_us = driver->config->connect_timeout_us,
        .journal = journal_id(driver->journal),
        .oldest_open = driver_oldest_open,
        .result = driver_on_result,
        .arg = driver};
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++) {
        config.urls[i] = from->urls[i];
    }
    struct channel *channel = NULL;
    return channel_create(driver->http, &config, &channel) == 0 ? channel : NULL;
}

static bool is_idle(const struct channel *channel)
{
    struct channel_stats stats;
    channel_stats(channel, &stats);
    return stats.slots_used == 0 && stats.queued == 0 && stats.in_flight == 0;
}

/* A channel that was replaced goes once nothing of it is under way. */
static void retire(struct participant *participant)
{
    for (size_t i = 0; i < sizeof participant->retired / sizeof participant->retired[0]; i++) {
        struct channel **old = &participant->retired[i];
        if (*old != NULL && is_idle(*old)) {
            channel_destroy(*old);
            *old = NULL;
        }
        if (*old == NULL && participant->channel != NULL) {
            *old = participant->channel;
            participant->channel = NULL;
        }
    }
}

static void flush(struct participant *participant)
{
    channel_flush(participant->channel);
    for (size_t i = 0; i < sizeof participant->retired / sizeof participant->retired[0]; i++) {
        if (participant->retired[i] != NULL) {
            channel_flush(participant->retired[i]);
        }
    }
}

void participants_flush(struct driver *driver)
{
    for (struct participant *p = driver->participants; p != NULL; p = p->next) {
        flush(p);
    }
}

static void destroy(struct participant *participant)
{
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++) {
        free(participant->urls[i]);
    }
    channel_destroy(participant->channel);
    for (size_t i = 0; i < sizeof participant->retired / sizeof participant->retired[0]; i++) {
        channel_destroy(participant->retired[i]);
    }
    free(participant);
}

void participants_finish(struct driver *driver)
{
    while (driver->participants != NULL) {
        struct participant *next = driver->participants->next;
        destroy(driver->participants);
        driver->participants = next;
    }
}

static bool set_urls(struct participant *participant, const struct api_participant *from)
{
    char *urls[CHANNEL_URLS_MAX] = {0};
    bool ok = true;
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX && from->urls[i] != NULL; i++) {
        urls[i] = strdup(from->urls[i]);
        ok = ok && urls[i] != NULL;
    }
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++) {
        free(ok ? participant->urls[i] : urls[i]);
        participant->urls[i] = ok ? urls[i] : participant->urls[i];
    }
    return ok;
}

static struct participant *insert(struct driver *driver, const char *name)
{
    struct participant *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    struct participant **at = &driver->participants;
    while (*at != NULL && strcmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    made->next = *at;
    *at = made;
    return made;
}

/* A new registration, or another one in the place of the old. */
static int apply(struct driver *driver, const struct api_participant *from)
{
    struct participant *participant = registry_participant(driver, from->name);
    if (participant != NULL) {
        retire(participant);
        if (participant->channel != NULL) {
            return TROTH_ERROR_BUSY; /* replaced too often while the old calls are still open */
        }
    }
    struct channel *channel = make_channel(driver, from);
    if (channel == NULL) {
        return TROTH_ERROR_CONFIG;
    }
    if (participant == NULL) {
        participant = insert(driver, from->name);
    }
    if (participant == NULL || !set_urls(participant, from)) {
        channel_destroy(channel);
        return TROTH_ERROR_NO_MEMORY;
    }
    participant->channel = channel;
    participant->slots = from->slots;
    participant->inquires = strcmp(from->binding, "batch") == 0;
    (void)snprintf(participant->binding, sizeof participant->binding, "%s", from->binding);
    return 0;
}

/* --- as the journal keeps it: {"binding":"batch","urls":["…"],"slots":16} --------------------- */

static void encode(const struct api_participant *from, struct buffer *body)
{
    buffer_append_text(body, "{\"binding\":");
    json_append_text(body, from->binding);
    buffer_append_text(body, ",\"urls\":[");
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX && from->urls[i] != NULL; i++) {
        buffer_append_text(body, i > 0 ? "," : "");
        json_append_text(body, from->urls[i]);
    }
    buffer_append_text(body, "],\"slots\":");
    buffer_append_uint(body, from->slots);
    buffer_append_text(body, "}");
}

#define URL_BYTES_MAX 512

static int decode(const struct journal_entry *entry, char *name, char *binding,
                  char urls[][URL_BYTES_MAX], struct api_participant *ret_participant)
{
    struct troth_span body, value, key, item;
    int64_t slots = 0;
    if (entry->name.len > TROTH_NAME_LEN_MAX ||
        json_check(entry->body, JSON_CHECK_DEFAULT, &body, NULL) != 0 ||
        json_type(body) != JSON_OBJECT || !json_member(body, "binding", &value) ||
        json_string_copy(value, binding, 8) != 0 || !json_member(body, "slots", &value) ||
        json_int64(value, &slots) != 0 || slots < 0 || slots > CHANNEL_SLOTS_MAX ||
        !json_member(body, "urls", &value) || json_type(value) != JSON_ARRAY) {
        return TROTH_ERROR_SYNTAX;
    }
    memcpy(name, entry->name.data, entry->name.len);
    name[entry->name.len] = '\0';
    *ret_participant =
        (struct api_participant){.name = name, .binding = binding, .slots = (uint32_t)slots};
    struct json_cursor cursor = json_cursor(value);
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX && json_next(&cursor, &key, &item); i++) {
        if (json_string_copy(item, urls[i], URL_BYTES_MAX) != 0) {
            return TROTH_ERROR_SYNTAX;
        }
        ret_participant->urls[i] = urls[i];
    }
    return 0;
}

void participants_load(struct driver *driver, const struct journal_entry *entry)
{
    char name[TROTH_NAME_LEN_MAX + 1] = "", binding[8], urls[CHANNEL_URLS_MAX][URL_BYTES_MAX];
    struct api_participant from;
    int error = decode(entry, name, binding, urls, &from);
    if (error == 0) {
        error = apply(driver, &from);
    }
    if (error != 0) {
        log_line(LOG_ERROR, "a participant of the journal can not be loaded", "participant", name,
                 "reason", troth_error_text(error), NULL);
    }
}

/* --- what the API asks for ------------------------------------------------------------------- */

static void show(const struct participant *participant, struct api_participant *ret_participant)
{
    *ret_participant = (struct api_participant){
        .name = participant->name, .binding = participant->binding, .slots = participant->slots};
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++) {
        ret_participant->urls[i] = participant->urls[i];
    }
}

bool registry_host_participant(void *ctx, const char *name, struct api_participant *ret)
{
    const struct participant *participant = registry_participant(ctx, name);
    if (participant != NULL) {
        show(participant, ret);
    }
    return participant != NULL;
}

bool registry_host_participant_at(void *ctx, uint32_t i, struct api_participant *ret)
{
    const struct participant *participant = ((struct driver *)ctx)->participants;
    while (participant != NULL && i-- > 0) {
        participant = participant->next;
    }
    if (participant != NULL) {
        show(participant, ret);
    }
    return participant != NULL;
}

void registry_host_participant_status(void *ctx, const char *name, struct buffer *ret_members)
{
    const struct participant *participant = registry_participant(ctx, name);
    if (participant == NULL) {
        return;
    }
    struct channel_stats stats;
    channel_stats(participant->channel, &stats);
    buffer_append_format(ret_members,
                         "\"reachable\":%s,\"slots_announced\":%u,\"slots_used\":%u,"
                         "\"queued\":%u,\"in_flight\":%u",
                         stats.reachable ? "true" : "false", stats.slots, stats.slots_used,
                         stats.queued, stats.in_flight);
}

struct participant_change {
    struct driver *driver;
    struct buffer body;
    char name[TROTH_NAME_LEN_MAX + 1];
    api_done_fn fn;
    void *arg;
};

static void finish_change(struct participant_change *change, const struct api_problem *problem)
{
    change->fn(change->arg, problem);
    buffer_finish(&change->body);
    free(change);
}

static struct participant_change *new_change(struct driver *driver, const char *name,
                                             api_done_fn fn, void *arg)
{
    struct participant_change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        struct api_problem problem;
        problem_unavailable(&problem, "out of memory");
        fn(arg, &problem);
        return NULL;
    }
    change->driver = driver;
    change->fn = fn;
    change->arg = arg;
    (void)snprintf(change->name, sizeof change->name, "%s", name);
    return change;
}

static struct journal_entry entry_of(const struct participant_change *change)
{
    return (struct journal_entry){.what = JOURNAL_PARTICIPANT,
                                  .name = {change->name, strlen(change->name)},
                                  .body = buffer_span(&change->body),
                                  .updated_at = driver_now().wall};
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct participant_change *change = arg;
    struct api_problem problem;
    char name[TROTH_NAME_LEN_MAX + 1], binding[8], urls[CHANNEL_URLS_MAX][URL_BYTES_MAX];
    struct api_participant from;
    struct journal_entry mine = entry_of(change);
    if (error != 0) {
        problem_unavailable(&problem, "the journal did not confirm it; put it again");
    } else if ((error = decode(&mine, name, binding, urls, &from)) == 0 &&
               (error = apply(change->driver, &from)) == 0) {
        finish_change(change, NULL);
        return;
    } else if (error == TROTH_ERROR_CONFIG) {
        (void)api_problem_set(&problem, API_PROBLEM_WRONG_URL,
                              "participant \"%s\": a URL is not http://host[:port][/path] with a "
                              "host that can have an "
                              "address",
                              change->name);
    } else {
        problem_unavailable(&problem, troth_error_text(error));
    }
    finish_change(change, &problem);
}

void registry_host_participant_put(void *ctx, const struct api_participant *participant,
                                   api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct participant_change *change = new_change(driver, participant->name, fn, arg);
    if (change == NULL) {
        return;
    }
    struct api_problem problem;
    struct channel *probe = make_channel(driver, participant);
    if (probe == NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_WRONG_URL,
                              "participant \"%s\": a URL is not http://host[:port][/path] with a "
                              "host that can have an "
                              "address",
                              participant->name);
        finish_change(change, &problem);
        return;
    }
    channel_destroy(probe);
    encode(participant, &change->body);
    if (change->body.failed) {
        problem_unavailable(&problem, "out of memory");
        finish_change(change, &problem);
        return;
    }
    struct journal_entry entry = entry_of(change);
    journal_registry_put(driver->journal, &entry, on_put, change);
}

static bool is_busy(const struct participant *participant)
{
    bool idle = is_idle(participant->channel);
    for (size_t i = 0; i < sizeof participant->retired / sizeof participant->retired[0]; i++) {
        idle = idle && (participant->retired[i] == NULL || is_idle(participant->retired[i]));
    }
    return !idle;
}

static void on_deleted(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct participant_change *change = arg;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        struct api_problem problem;
        problem_unavailable(&problem, "the journal did not confirm it; delete it again");
        finish_change(change, &problem);
        return;
    }
    struct participant **at = &change->driver->participants;
    while (*at != NULL && strcmp((*at)->name, change->name) != 0) {
        at = &(*at)->next;
    }
    if (*at != NULL && !is_busy(*at)) { /* one that became busy meanwhile stays until the restart */
        struct participant *gone = *at;
        *at = gone->next;
        destroy(gone);
    }
    finish_change(change, NULL);
}

void registry_host_participant_delete(void *ctx, const char *name, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct participant_change *change = new_change(driver, name, fn, arg);
    if (change == NULL) {
        return;
    }
    struct api_problem problem;
    const struct participant *participant = registry_participant(driver, name);
    if (participant == NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_NO_SUCH_PARTICIPANT,
                              "participant \"%s\" is not registered", name);
        finish_change(change, &problem);
        return;
    }
    if (is_busy(participant)) {
        (void)api_problem_set(&problem, API_PROBLEM_IN_USE,
                              "open transactions have branches at participant \"%s\"", name);
        finish_change(change, &problem);
        return;
    }
    struct journal_entry entry = entry_of(change);
    journal_registry_delete(driver->journal, JOURNAL_PARTICIPANT, entry.name, 0, on_deleted,
                            change);
}
