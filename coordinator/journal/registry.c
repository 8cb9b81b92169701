/* Definitions and participants: few, read whole at the start, each change durable by itself. */
#include "read.h"

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
                                      .updated_at = field_time(result, i, 4)};

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
    .sql = "select true, name, version, body, updated_at from troth.definition union all "
           "select false, name, 0, body, updated_at from troth.participant order by 1, 2, 3",
    .take = load_take,
    .end = entry_end,
};

void journal_registry_load(struct journal *journal, journal_entry_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_registry_load, arg);

    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
    ask_send(ask);
}

/* --- put
 * ------------------------------------------------------------------------------------------- */

static void put_take(struct ask *ask, const PGresult *result)
{
    ask->error = field_bool(result, 0, 0) ? TROTH_OK : TROTH_ERROR_EXISTS;
}

/* Updating the body to itself changes nothing, but returns the row that stands, whoever wrote it
 * and however shortly ago. */
const struct ask_kind ask_definition_put = {
    .name = "definition_put",
    .sql = "insert into troth.definition as d (name, version, body) values ($1, $2, $3) "
           "on conflict (name, version) do update set body = d.body returning d.body = $3",
    .writes = true,
    .take = put_take,
    .end = entry_end,
};

const struct ask_kind ask_participant_put = {
    .name = "participant_put",
    .sql = "insert into troth.participant as p (name, body) values ($1, $2) on conflict (name) "
           "do update set body = excluded.body, updated_at = clock_timestamp() returning true",
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
    ask->error = field_int8(result, 0, 0) > 0 ? TROTH_OK : TROTH_ERROR_NOT_FOUND;
}

const struct ask_kind ask_definition_delete = {
    .name = "definition_delete",
    .sql = "with d as (delete from troth.definition where name = $1 "
           "and ($2::int8 = 0 or version = $2) returning name) select count(*) from d",
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

const struct ask_kind ask_participant_delete = {
    .name = "participant_delete",
    .sql = "with d as (delete from troth.participant where name = $1 returning name) "
           "select count(*) from d",
    .writes = true,
    .take = delete_take,
    .end = entry_end,
};

void journal_registry_delete(struct journal *journal, enum journal_registry what,
                             struct troth_span name, uint32_t version, journal_entry_fn fn,
                             void *arg)
{
    bool definition = what == JOURNAL_DEFINITION;
    struct ask *ask =
        ask_create(journal, definition ? &ask_definition_delete : &ask_participant_delete, arg);

    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.entry = fn;
    params_text(&ask->params, name);
    if (definition)
        params_int8(&ask->params, version);
    ask_send(ask);
}
