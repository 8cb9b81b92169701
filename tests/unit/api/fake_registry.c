/* The scripted host's definitions and participants. */
#include "fake_host.h"
#include "fake_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- definitions ------------------------------------------------------------------------------ */

static const struct definition *fake_definition(void *ctx, const char *name, uint32_t version)
{
    const struct fake_host *fake = ctx;
    const struct definition *found = NULL;
    for (uint32_t i = 0; i < fake->definitions_count; i++) {
        const struct definition *definition = fake->definitions[i];
        if (strcmp(definition->name, name) == 0 && (version == 0 || definition->version == version))
            found = definition;
    }
    return found;
}

static bool is_behind(const struct definition *definition, const char *name, uint32_t version)
{
    int order = strcmp(definition->name, name);
    return order > 0 || (order == 0 && definition->version > version);
}

static const struct definition *fake_definition_behind(void *ctx, const char *name,
                                                       uint32_t version)
{
    const struct fake_host *fake = ctx;
    for (uint32_t i = 0; i < fake->definitions_count; i++)
        if (is_behind(fake->definitions[i], name, version))
            return fake->definitions[i];
    return NULL;
}

static void fake_definition_status(void *ctx, const struct definition *definition,
                                   struct buffer *ret_members)
{
    (void)ctx;
    (void)definition;
    buffer_append_text(ret_members,
                       "\"prepare\":{\"order\":\"ordered\",\"learnt\":true,\"conflicts\":7,"
                       "\"parallel\":90,\"ordered\":4,\"last\":\"bank_a\"},"
                       "\"open_transactions\":5,\"seats\":{\"own\":40,\"own_used\":1,"
                       "\"refused\":2}");
}

static void insert(struct fake_host *fake)
{
    const struct definition *taken = fake->taken;
    uint32_t at = fake->definitions_count++;
    assert(at < FAKE_SLOTS);
    for (; at > 0 && is_behind(fake->definitions[at - 1], taken->name, taken->version); at--)
        fake->definitions[at] = fake->definitions[at - 1];
    fake->definitions[at] = fake->taken;
    fake->taken = NULL;
}

static void fake_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "definition_put");
    fake->taken = taken;
    fake_answer_done(fake, insert, fn, arg);
}

static void delete_definition(struct fake_host *fake)
{
    for (uint32_t i = 0; i < fake->definitions_count; i++)
        if (fake->definitions[i] == fake_definition(fake, fake->asked.name, fake->asked.version)) {
            definition_destroy(fake->definitions[i]);
            fake->definitions_count--;
            memmove(&fake->definitions[i], &fake->definitions[i + 1],
                    (fake->definitions_count - i) * sizeof fake->definitions[0]);
            return;
        }
}

static void fake_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                   void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "definition_delete");
    fake_keep(fake->asked.name, sizeof fake->asked.name, name);
    fake->asked.version = version;
    fake_answer_done(fake, delete_definition, fn, arg);
}

/* --- participants ----------------------------------------------------------------------------- */

static bool show_participant(struct fake_host *fake, uint32_t i,
                             struct api_participant *ret_participant)
{
    struct fake_participant *found = &fake->participants[i];
    struct api_participant participant = {
        .name = found->name, .binding = found->binding, .slots = found->slots};
    for (uint32_t k = 0; k < found->urls_count; k++)
        participant.urls[k] = found->urls[k];
    *ret_participant = participant;
    return true;
}

static bool fake_participant(void *ctx, const char *name, struct api_participant *ret_participant)
{
    struct fake_host *fake = ctx;
    for (uint32_t i = 0; i < fake->participants_count; i++)
        if (strcmp(fake->participants[i].name, name) == 0)
            return show_participant(fake, i, ret_participant);
    return false;
}

static bool fake_participant_behind(void *ctx, const char *name,
                                    struct api_participant *ret_participant)
{
    struct fake_host *fake = ctx;
    for (uint32_t i = 0; i < fake->participants_count; i++)
        if (strcmp(fake->participants[i].name, name) > 0)
            return show_participant(fake, i, ret_participant);
    return false;
}

static void fake_participant_status(void *ctx, const char *name, struct buffer *ret_members)
{
    (void)ctx;
    buffer_append_format(ret_members, "\"slots\":16,\"reachable\":%s",
                         strcmp(name, "bank_a") == 0 ? "true" : "false");
}

static void nothing(struct fake_host *fake)
{
    (void)fake;
}

/* Registered at once, unless it is to be refused. */
static void fake_participant_put(void *ctx, const struct api_participant *participant,
                                 api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    uint32_t at = 0;
    fake_note(fake, "participant_put");
    while (at < fake->participants_count &&
           strcmp(fake->participants[at].name, participant->name) != 0)
        at++;
    assert(at < FAKE_SLOTS);
    if (fake->problem == NULL) {
        struct fake_participant *slot = &fake->participants[at];
        fake->participants_count += at == fake->participants_count;
        *slot = (struct fake_participant){.slots = participant->slots};
        fake_keep(slot->name, sizeof slot->name, participant->name);
        fake_keep(slot->binding, sizeof slot->binding, participant->binding);
        for (uint32_t i = 0; i < FAKE_SLOTS && participant->urls[i] != NULL; i++)
            fake_keep(slot->urls[slot->urls_count++], sizeof slot->urls[0], participant->urls[i]);
    }
    fake_answer_done(fake, nothing, fn, arg);
}

static void delete_participant(struct fake_host *fake)
{
    for (uint32_t i = 0; i < fake->participants_count; i++)
        if (strcmp(fake->participants[i].name, fake->asked.name) == 0) {
            fake->participants_count--;
            memmove(&fake->participants[i], &fake->participants[i + 1],
                    (fake->participants_count - i) * sizeof fake->participants[0]);
            return;
        }
}

static void fake_participant_delete(void *ctx, const char *name, bool force, api_done_fn fn,
                                    void *arg)
{
    (void)force;
    struct fake_host *fake = ctx;
    fake_note(fake, "participant_delete");
    fake_keep(fake->asked.name, sizeof fake->asked.name, name);
    fake_answer_done(fake, delete_participant, fn, arg);
}

static int fake_identify(void *ctx, const uint8_t hash[API_KEY_HASH_BYTES],
                         struct api_identity *ret_identity)
{
    const struct fake_host *fake = ctx;
    (void)hash;
    if (fake->identity.who[0] == '\0')
        return fake->loading ? TROTH_ERROR_UNAVAILABLE : TROTH_ERROR_NOT_FOUND;
    *ret_identity = fake->identity;
    return 0;
}

/* One key, if there is one. */
static bool fake_key(void *ctx, const char *name, struct api_key *ret_key)
{
    const struct fake_host *fake = ctx;
    bool is_it = strcmp(fake->key_name, name) == 0 && name[0] != '\0';
    if (is_it)
        *ret_key = (struct api_key){
            .name = fake->key_name, .scopes = fake->key_scopes, .created_by = "uid:0"};
    return is_it;
}

static bool fake_key_behind(void *ctx, const char *name, struct api_key *ret_key)
{
    const struct fake_host *fake = ctx;
    return strcmp(fake->key_name, name) > 0 && fake_key(ctx, fake->key_name, ret_key);
}

static void fake_key_put(void *ctx, const struct api_key *key, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "key_put");
    if (key->name != fake->key_name)
        fake_keep(fake->key_name, sizeof fake->key_name, key->name);
    if (key->scopes != fake->key_scopes)
        fake_keep(fake->key_scopes, sizeof fake->key_scopes, key->scopes);
    fake_answer_done(fake, nothing, fn, arg);
}

static void fake_key_delete(void *ctx, const char *name, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    (void)name;
    fake_note(fake, "key_delete");
    fake->key_name[0] = '\0';
    fake_answer_done(fake, nothing, fn, arg);
}

void fake_add_definition(struct fake_host *fake, const char *name, uint32_t version)
{
    struct faults faults = {0};
    char text[2048];
    int len = snprintf(
        text, sizeof text,
        "{\"name\":\"%s\",\"version\":%u,\"mode\":\"2pc\",\"timeout\":\"30s\",\n"
        "\"description\":\"Move \\\"money\\\"\",\n"
        "\"input_schema\":{\"type\":\"object\",\"required\":[\"from\",\"amount\"],\"properties\":{"
        "\"from\":{\"type\":\"integer\"},\"amount\":{\"type\":\"integer\",\"minimum\":1}}},\n"
        "\"steps\":[{\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\","
        "\"input\":{\"account\":\"${input.from}\"}},\n"
        "{\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":\"credit\"}]}",
        name, version);
    int error = definition_parse((struct troth_span){text, (size_t)len}, &faults, &fake->taken);
    assert(error == 0);
    faults_finish(&faults);
    insert(fake);
}

void fake_add_participant(struct fake_host *fake, const char *name)
{
    assert(fake->participants_count < FAKE_SLOTS);
    struct fake_participant *slot = &fake->participants[fake->participants_count++];
    *slot = (struct fake_participant){
        .binding = "batch", .urls = {"http://127.0.0.1:7101/troth"}, .urls_count = 1, .slots = 16};
    fake_keep(slot->name, sizeof slot->name, name);
}

void fake_registry(struct api_host *host)
{
    host->definition = fake_definition;
    host->definition_behind = fake_definition_behind;
    host->definition_status = fake_definition_status;
    host->definition_put = fake_definition_put;
    host->definition_delete = fake_definition_delete;
    host->identify = fake_identify;
    host->key = fake_key;
    host->key_behind = fake_key_behind;
    host->key_put = fake_key_put;
    host->key_delete = fake_key_delete;
    host->participant = fake_participant;
    host->participant_behind = fake_participant_behind;
    host->participant_status = fake_participant_status;
    host->participant_put = fake_participant_put;
    host->participant_delete = fake_participant_delete;
}
