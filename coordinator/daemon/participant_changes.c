/* participant_changes.c: participants come, change and go: from the journal and through the API.
 *
 * Memory and journal change together or not at all: all that a change needs is made before the
 * journal is asked, so that nothing can fail behind its answer; and where the answer is lost, the
 * registry is read again (registry.c). */
#include "participant_changes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <base/json.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <net/channel.h>

#include "admission.h"
#include "answer.h"
#include "clock.h"
#include "definitions.h"
#include "entry.h"
#include "log.h"
#include "participants.h"
#include "registry.h"
#include "registry_change.h"
#include "seats.h"
#include "state.h"

/* --- as the journal keeps it: {"binding":"batch","urls":["…"],"slots":16,"token_file":"…"}; no
 * token_file where none is shown --------------------------------------------------------------- */

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
    if (from->token_file != NULL) {
        buffer_append_text(body, ",\"token_file\":");
        json_append_text(body, from->token_file);
    }
    buffer_append_text(body, "}");
}

#define URL_BYTES_MAX     512
#define BINDING_BYTES_MAX 8
#define TOKEN_BYTES_MAX   65

/* What a row's texts are kept in while it is read. */
struct row_texts {
    char name[TROTH_NAME_LEN_MAX + 1], binding[BINDING_BYTES_MAX], token_file[TOKEN_BYTES_MAX];
    char urls[CHANNEL_URLS_MAX][URL_BYTES_MAX];
};

static bool take_text(const cJSON *item, char *ret_text, size_t cap)
{
    bool fits = cJSON_IsString(item) && strlen(item->valuestring) < cap;
    if (fits)
        memcpy(ret_text, item->valuestring, strlen(item->valuestring) + 1);
    return fits;
}

/* A path would lead out of the folder. */
static bool take_token_file(const cJSON *item, struct row_texts *texts,
                            struct api_participant *ret_participant)
{
    if (item == NULL)
        return true;
    if (!take_text(item, texts->token_file, TOKEN_BYTES_MAX) ||
        strchr(texts->token_file, '/') != NULL || texts->token_file[0] == '.')
        return false;
    ret_participant->token_file = texts->token_file;
    return true;
}

static bool take_row(const cJSON *row, struct row_texts *texts,
                     struct api_participant *ret_participant)
{
    const cJSON *slots = cJSON_GetObjectItemCaseSensitive(row, "slots");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(row, "urls"), *url;
    uint32_t count = 0;
    if (!take_text(cJSON_GetObjectItemCaseSensitive(row, "binding"), texts->binding,
                   BINDING_BYTES_MAX) ||
        !take_token_file(cJSON_GetObjectItemCaseSensitive(row, "token_file"), texts,
                         ret_participant) ||
        !cJSON_IsNumber(slots) || slots->valuedouble < 0 ||
        slots->valuedouble > CHANNEL_SLOTS_MAX || !cJSON_IsArray(list))
        return false;
    ret_participant->slots = (uint32_t)slots->valuedouble;
    cJSON_ArrayForEach (url, list) {
        if (count == CHANNEL_URLS_MAX)
            break;
        if (!take_text(url, texts->urls[count], URL_BYTES_MAX))
            return false;
        ret_participant->urls[count] = texts->urls[count];
        count++;
    }
    return true;
}

/* TROTH_ERROR_SYNTAX: it is no such row, or there is no memory to read it. */
static int decode(const struct journal_entry *entry, struct row_texts *texts,
                  struct api_participant *ret_participant)
{
    if (entry->name.len > TROTH_NAME_LEN_MAX)
        return TROTH_ERROR_SYNTAX;
    memcpy(texts->name, entry->name.data, entry->name.len);
    texts->name[entry->name.len] = '\0';
    *ret_participant = (struct api_participant){.name = texts->name, .binding = texts->binding};
    cJSON *row = cJSON_ParseWithLengthOpts(entry->body.data, entry->body.len, NULL, false);
    bool good = take_row(row, texts, ret_participant);
    cJSON_Delete(row);
    return good ? 0 : TROTH_ERROR_SYNTAX;
}

void participants_load(struct driver *driver, const struct journal_entry *entry)
{
    struct row_texts texts = {.name = ""};
    struct api_participant from;
    struct participant *made = NULL;
    int error = decode(entry, &texts, &from);
    struct participant *known = participants_find(driver, texts.name);
    if (error == 0 && known != NULL && strlen(known->body) == entry->body.len &&
        memcmp(known->body, entry->body.data, entry->body.len) == 0) {
        known->round = driver->registry_round;
        return;
    }
    if (error == 0)
        error = participants_make(driver, &from, entry->body, &made);
    if (error == 0)
        error = participants_reserve(driver);
    if (error == 0) {
        participants_apply(driver, made)->round = driver->registry_round;
        return;
    }
    participants_destroy(made);
    if (known != NULL) /* it goes on as it was */
        known->round = driver->registry_round;
    log_line(LOG_ERROR, "a participant of the journal cannot be loaded", "participant", texts.name,
             "reason", troth_error_text(error), NULL);
}

/* Behind a load: who is in memory and not in the journal any more. A delete whose answer is to come
 * sees to its own. */
void participants_loaded(struct driver *driver)
{
    for (uint32_t i = driver->participants_count; i-- > 0;) {
        struct participant *participant = driver->participants[i];
        bool waits = participant->deleting && !participant->doubted;
        if (participant->round != driver->registry_round && participant->share.open == 0 &&
            !waits) {
            participants_remove(driver, participant);
        } else if (participant->doubted) {
            participant->deleting = false;
            participant->doubted = false;
        }
    }
}

/* --- what the API asks for ------------------------------------------------------------------- */

static void show(const struct participant *participant, struct api_participant *ret_participant)
{
    *ret_participant = (struct api_participant){.name = participant->name,
                                                .binding = participant->binding,
                                                .slots = participant->slots,
                                                .token_file = participant->token_file};
    for (uint32_t i = 0; i < CHANNEL_URLS_MAX; i++)
        ret_participant->urls[i] = participant->urls[i];
}

bool registry_host_participant(void *ctx, const char *name, struct api_participant *ret)
{
    const struct participant *participant = participants_find(ctx, name);
    if (participant != NULL)
        show(participant, ret);
    return participant != NULL;
}

bool registry_host_participant_behind(void *ctx, const char *name, struct api_participant *ret)
{
    const struct participant *participant = participants_behind(ctx, name);
    if (participant != NULL)
        show(participant, ret);
    return participant != NULL;
}

/* ,"last_answer":{"at":"…","status":404,"text":"…"}; nothing where there was none. */
static void append_heard(struct buffer *members, const char *name, struct wall at, int status,
                         const char *words)
{
    char text[WALL_TEXT_LEN + 1];
    if (at.us == 0)
        return;
    wall_format(at, text);
    buffer_append_format(members, ",\"%s\":{\"at\":\"%s\"", name, text);
    if (status != 0)
        buffer_append_format(members, ",\"status\":%d", status);
    if (words[0] != '\0') {
        buffer_append_text(members, ",\"text\":");
        json_append_text(members, words);
    }
    buffer_append_char(members, '}');
}

void registry_host_participant_status(void *ctx, const char *name, struct buffer *ret_members)
{
    const struct participant *participant = participants_find(ctx, name);
    if (participant == NULL)
        return;
    struct channel_stats stats;
    channel_stats(participant->channel, &stats);
    const char *reachable = stats.reachable ? "true" : "false";
    buffer_append_format(ret_members,
                         "\"reachable\":%s,\"slots_announced\":", stats.tried ? reachable : "null");
    if (stats.announced)
        buffer_append_uint(ret_members, stats.slots_of_all);
    else
        buffer_append_text(ret_members, "null");
    static const char *const breakers[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_WARY] = "wary", [BREAKER_OPEN] = "open"};
    buffer_append_format(ret_members,
                         ",\"slots_here\":%u,\"slots_used\":%u,\"places\":%u,\"places_used\":%u,"
                         "\"breaker\":\"%s\",\"open_transactions\":%u,\"queued\":%u,"
                         "\"in_flight\":%u,\"retries_waiting\":%u",
                         stats.slots, stats.slots_used, stats.places, stats.places_used,
                         breakers[stats.breaker], participant->share.open, stats.queued,
                         stats.in_flight, participant->again.waiting);
    buffer_append_char(ret_members, ',');
    seats_append(ctx, SEAT_PARTICIPANT, &participant->share, ret_members);
    append_heard(ret_members, "last_answer", stats.answered_at, stats.answered_status,
                 stats.answered_words);
    append_heard(ret_members, "last_failure", stats.failed_at, 0, stats.failed_words);
}

static void discard(struct driver *driver, void *made)
{
    driver->participants_coming--;
    participants_destroy(made);
}

static struct journal_entry entry_of(const struct registry_change *change)
{
    return (struct journal_entry){.what = JOURNAL_PARTICIPANT,
                                  .name = registry_change_name(change),
                                  .body = buffer_span(&change->body),
                                  .updated_at = driver_now().wall};
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct registry_change *change = arg;
    struct api_problem problem;
    if (error == 0) {
        channel_probe(participants_apply(change->driver, change->made)->channel);
        change->made = NULL;
    } else {
        registry_refused(change->driver, error, &problem);
    }
    registry_change_finish(change, error == 0 ? NULL : &problem);
}

/* All that is needed to put it in force. */
static int prepare(struct registry_change *change, const struct api_participant *participant)
{
    struct participant *made = NULL;
    encode(participant, &change->body);
    if (change->body.failed)
        return TROTH_ERROR_NO_MEMORY;
    int error = participants_make(change->driver, participant, buffer_span(&change->body), &made);
    if (error == 0)
        error = participants_reserve(change->driver);
    if (error != 0) {
        participants_destroy(made);
        return error;
    }
    change->made = made;
    return 0;
}

/* What is known now; where a name leads is looked at before each connect. */
static bool may_call(const struct participant *made, struct api_problem *ret_problem)
{
    const char *why = channel_refusal(made->channel);
    if (why != NULL)
        api_refuse_reach(ret_problem, made->name, why);
    return why == NULL;
}

/* The token is looked for before anything refers to it; another node may lack it all the same, and
 * then sends nothing. */
static bool has_token(const struct driver *driver, const struct participant *made,
                      struct api_problem *ret_problem)
{
    const char *why = "participant_tokens is not configured";
    bool has = made->token_file == NULL || (driver->config->participant_tokens[0] != '\0' &&
                                            channel_has_token(made->channel, &why));
    if (!has)
        api_refuse_token_file(ret_problem, made->name, why);
    return has;
}

void registry_host_participant_put(void *ctx, const struct api_participant *participant,
                                   api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change =
        registry_change_create(driver, participant->name, discard, fn, arg);
    if (change == NULL)
        return;
    struct api_problem problem;
    int error = prepare(change, participant);
    if (error == TROTH_ERROR_CONFIG)
        api_refuse_url(&problem, participant->name);
    else if (error != 0)
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
    if (error != 0 || !may_call(change->made, &problem) ||
        !has_token(driver, change->made, &problem)) {
        registry_change_finish(change, &problem);
        return;
    }
    struct journal_entry entry = entry_of(change);
    journal_registry_put(driver->journal, &entry, on_put, change);
}

static void on_deleted(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    struct registry_change *change = arg;
    struct participant *participant = participants_find(change->driver, change->name);
    struct api_problem problem;
    assert(participant != NULL && participant->deleting && participant->share.open == 0);
    if (error == 0 || error == TROTH_ERROR_NOT_FOUND) {
        participants_remove(change->driver, participant);
        registry_change_finish(change, NULL);
        return;
    }
    participant->doubted = registry_refused(change->driver, error, &problem);
    participant->deleting = participant->doubted;
    registry_change_finish(change, &problem);
}

/* A published definition with a step there; NULL: none. */
static const struct definition *named_by(const struct driver *driver, const char *name)
{
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct definition *definition = driver->definitions[i]->definition;
        for (uint32_t k = 0; k < definition->steps_count; k++)
            if (strcmp(definition->steps[k].participant, name) == 0)
                return definition;
    }
    return NULL;
}

/* From here on it is not there for new transactions; those that need it are none. */
void registry_host_participant_delete(void *ctx, const char *name, bool force, api_done_fn fn,
                                      void *arg)
{
    struct driver *driver = ctx;
    struct registry_change *change = registry_change_create(driver, name, NULL, fn, arg);
    if (change == NULL)
        return;
    struct api_problem problem;
    struct participant *participant = participants_find(driver, name);
    if (participant == NULL || participant->deleting) {
        api_refuse_no_participant(&problem, name);
        registry_change_finish(change, &problem);
        return;
    }
    if (participant->share.open > 0) {
        const struct entry *example = participants_example(driver, participant);
        api_refuse_needed(&problem, name, participant->share.open,
                          example != NULL ? &example->origin.gtid : NULL);
        registry_change_finish(change, &problem);
        return;
    }
    const struct definition *names_it = force ? NULL : named_by(driver, name);
    if (names_it != NULL) {
        api_refuse_named(&problem, name, names_it);
        registry_change_finish(change, &problem);
        return;
    }
    participant->deleting = true;
    struct journal_entry entry = entry_of(change);
    journal_registry_delete(driver->journal, JOURNAL_PARTICIPANT, entry.name, 0, on_deleted,
                            change);
}
