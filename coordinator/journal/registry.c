/* Definitions, participants and API keys: few, read whole at the start, each change durable by
 * itself.
 *
 * Who reads the registry numbers that reading; a change belongs to the last one of this process and
 * is none when there was a later one. So what an earlier connection or an earlier leader has sent,
 * and nobody has heard of, is in what is read, or never comes. */
#include "registry.h"

#include <assert.h>

#include <journal_sql.h>

/* --- load
 * ------------------------------------------------------------------------------------------ */

static enum journal_registry what_of(int32_t number)
{
    static const enum journal_registry kinds[] = {JOURNAL_PARTICIPANT, JOURNAL_DEFINITION,
                                                  JOURNAL_API_KEY};
    assert(number >= 0 && number < (int32_t)(sizeof kinds / sizeof kinds[0]));
    return kinds[number];
}

static void load_take(struct ask *ask, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct journal_entry entry = {.what = what_of(field_int4(result, i, 0)),
                                      .name = field_text(result, i, 1),
                                      .version = (uint32_t)field_int8(result, i, 2),
                                      .body = field_text(result, i, 3),
                                      .updated_at = field_time(result, i, 4),
                                      .hidden = field_bool(result, i, 5)};

        ask->fn.entry(ask->arg, TROTH_OK, &entry);
    }
    ask->fn.entry(ask->arg, TROTH_OK, NULL);
}

static void entry_end(struct ask *ask, int error)
{
    ask->fn.entry(ask->arg, error, NULL);
}

const struct ask_kind ask_registry_load = {
    .name = "registry_load",
    .sql = journal_sql_registry_load,
    .take = load_take,
    .end = entry_end,
};

static void number_take(struct ask *ask, const PGresult *result)
{
    ask->error = PQntuples(result) == 1 ? TROTH_OK : TROTH_ERROR_DATABASE;
    if (ask->error != TROTH_OK)
        return;
    ask->journal->registry_reading = field_int8(result, 0, 0);
    ask->journal->registry_version = field_int8(result, 0, 1);
}

static void number_end(struct ask *ask, int error)
{
    struct ask *load =
        error == TROTH_OK ? ask_create(ask->journal, &ask_registry_load, ask->arg) : NULL;
    if (load == NULL) {
        ask->fn.entry(ask->arg, error != TROTH_OK ? error : TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    load->fn.entry = ask->fn.entry;
    ask_send(load);
}

const struct ask_kind ask_registry_number = {
    .name = "registry_number",
    .sql = journal_sql_registry_number,
    .writes = true,
    .take = number_take,
    .end = number_end,
};

void journal_registry_load(struct journal *journal, journal_entry_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_registry_number, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
    params_uuid(&ask->params, journal->owner);
    ask_send(ask);
}

/* --- whether it has changed
 * ------------------------------------------------------------------------ */

static void version_take(struct ask *ask, const PGresult *result)
{
    bool is_there = PQntuples(result) == 1;
    ask->fn.changed(ask->arg, is_there ? TROTH_OK : TROTH_ERROR_DATABASE,
                    is_there && field_int8(result, 0, 0) != ask->journal->registry_version);
}

static void version_end(struct ask *ask, int error)
{
    ask->fn.changed(ask->arg, error, false);
}

const struct ask_kind ask_registry_version = {
    .name = "registry_version",
    .sql = journal_sql_registry_version,
    .take = version_take,
    .end = version_end,
};

void journal_registry_look(struct journal *journal, journal_changed_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_registry_version, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, false);
        return;
    }
    ask->fn.changed = fn;
    ask_send(ask);
}

/* This process's own change needs no reading where it is the only one since the last. */
static void note_version(struct journal *journal, const PGresult *result)
{
    if (!PQgetisnull(result, 0, 2) && field_int8(result, 0, 2) == journal->registry_version + 1)
        journal->registry_version++;
}

/* --- put
 * ------------------------------------------------------------------------------------------- */

static void put_take(struct ask *ask, const PGresult *result)
{
    if (field_int8(result, 0, 0) == 0)
        ask->error = TROTH_ERROR_CONFLICT;
    else
        ask->error = field_int8(result, 0, 1) > 0 ? TROTH_OK : TROTH_ERROR_EXISTS;
    note_version(ask->journal, result);
}

const struct ask_kind ask_definition_put = {
    .name = "definition_put",
    .sql = journal_sql_definition_put,
    .writes = true,
    .take = put_take,
    .end = entry_end,
};

const struct ask_kind ask_participant_put = {
    .name = "participant_put",
    .sql = journal_sql_participant_put,
    .writes = true,
    .take = put_take,
    .end = entry_end,
};

const struct ask_kind ask_api_key_put = {
    .name = "api_key_put",
    .sql = journal_sql_api_key_put,
    .writes = true,
    .take = put_take,
    .end = entry_end,
};

static const struct ask_kind *put_of(enum journal_registry what)
{
    switch (what) {
    case JOURNAL_DEFINITION:
        return &ask_definition_put;
    case JOURNAL_API_KEY:
        return &ask_api_key_put;
    case JOURNAL_PARTICIPANT:
        break;
    }
    return &ask_participant_put;
}

void journal_registry_put(struct journal *journal, const struct journal_entry *entry,
                          journal_entry_fn fn, void *arg)
{
    bool definition = entry->what == JOURNAL_DEFINITION;
    struct ask *ask = ask_create(journal, put_of(entry->what), arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
    params_uuid(&ask->params, journal->owner);
    params_int8(&ask->params, journal->registry_reading);
    params_text(&ask->params, entry->name);
    if (definition)
        params_int8(&ask->params, entry->version);
    params_text(&ask->params, entry->body);
    ask_send(ask);
}

/* --- delete
 * ---------------------------------------------------------------------------------------- */

static void delete_take(struct ask *ask, const PGresult *result)
{
    if (field_int8(result, 0, 0) == 0)
        ask->error = TROTH_ERROR_CONFLICT;
    else
        ask->error = field_int8(result, 0, 1) > 0 ? TROTH_OK : TROTH_ERROR_NOT_FOUND;
    note_version(ask->journal, result);
}

const struct ask_kind ask_definition_delete = {
    .name = "definition_delete",
    .sql = journal_sql_definition_delete,
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

const struct ask_kind ask_definition_forget = {
    .name = "definition_forget",
    .sql = journal_sql_definition_forget,
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

const struct ask_kind ask_participant_delete = {
    .name = "participant_delete",
    .sql = journal_sql_participant_delete,
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

const struct ask_kind ask_api_key_delete = {
    .name = "api_key_delete",
    .sql = journal_sql_api_key_delete,
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

static const struct ask_kind *delete_of(enum journal_registry what)
{
    switch (what) {
    case JOURNAL_DEFINITION:
        return &ask_definition_delete;
    case JOURNAL_API_KEY:
        return &ask_api_key_delete;
    case JOURNAL_PARTICIPANT:
        break;
    }
    return &ask_participant_delete;
}

static void registry_change(struct journal *journal, const struct ask_kind *kind,
                            struct troth_span name, uint32_t version, journal_entry_fn fn,
                            void *arg)
{
    struct ask *ask = ask_create(journal, kind, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
    params_uuid(&ask->params, journal->owner);
    params_int8(&ask->params, journal->registry_reading);
    params_text(&ask->params, name);
    if (version != 0)
        params_int8(&ask->params, version);
    ask_send(ask);
}

void journal_registry_delete(struct journal *journal, enum journal_registry what,
                             struct troth_span name, uint32_t version, journal_entry_fn fn,
                             void *arg)
{
    registry_change(journal, delete_of(what), name, version, fn, arg);
}

void journal_definition_forget(struct journal *journal, struct troth_span name, uint32_t version,
                               journal_entry_fn fn, void *arg)
{
    registry_change(journal, &ask_definition_forget, name, version, fn, arg);
}

/* --- use ---------------------------------------------------------------------------------------
 */

static void used_take(struct ask *ask, const PGresult *result)
{
    (void)ask;
    (void)result;
}

static void used_end(struct ask *ask, int error)
{
    (void)ask;
    (void)error; /* the next use is written again */
}

const struct ask_kind ask_api_key_used = {
    .name = "api_key_used",
    .sql = journal_sql_api_key_used,
    .take = used_take,
    .end = used_end,
};

void journal_api_key_used(struct journal *journal, struct troth_span name)
{
    struct ask *ask = ask_create(journal, &ask_api_key_used, NULL);
    if (ask == NULL)
        return;
    params_text(&ask->params, name);
    ask_send(ask);
}
