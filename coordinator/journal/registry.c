/* Definitions and participants: few, read whole at the start, each change durable by itself.
 *
 * Who reads the registry numbers that reading; a change belongs to the last one of this process and
 * is none when there was a later one. So what an earlier connection or an earlier leader has sent,
 * and nobody has heard of, is in what is read, or never comes. */
#include "registry.h"

#include <journal_sql.h>

/* --- load
 * ------------------------------------------------------------------------------------------ */

static void load_take(struct ask *ask, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct journal_entry entry = {.what = field_bool(result, i, 0) ? JOURNAL_DEFINITION
                                                                       : JOURNAL_PARTICIPANT,
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
    ask->error = PQntuples(result) == 1 ? TROTH_OK : TROTH_ERROR_FENCED;
    if (ask->error == TROTH_OK)
        ask->journal->registry_reading = field_int8(result, 0, 0);
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
    params_int8(&ask->params, journal_epoch(journal, 0));
    ask_send(ask);
}

/* --- put
 * ------------------------------------------------------------------------------------------- */

static void put_take(struct ask *ask, const PGresult *result)
{
    if (field_int8(result, 0, 0) == 0)
        ask->error = TROTH_ERROR_CONFLICT;
    else
        ask->error = field_int8(result, 0, 1) > 0 ? TROTH_OK : TROTH_ERROR_EXISTS;
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

void journal_registry_put(struct journal *journal, const struct journal_entry *entry,
                          journal_entry_fn fn, void *arg)
{
    bool definition = entry->what == JOURNAL_DEFINITION;
    struct ask *ask =
        ask_create(journal, definition ? &ask_definition_put : &ask_participant_put, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
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
    registry_change(journal,
                    what == JOURNAL_DEFINITION ? &ask_definition_delete : &ask_participant_delete,
                    name, version, fn, arg);
}

void journal_definition_forget(struct journal *journal, struct troth_span name, uint32_t version,
                               journal_entry_fn fn, void *arg)
{
    registry_change(journal, &ask_definition_forget, name, version, fn, arg);
}
