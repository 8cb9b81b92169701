/* sql.c: the files of sql/participant/statements, compiled in, by their names; and how parameters
 * are bound to them. */
#include "sql.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include <base/buffer.h>

#include <guard_sql.h>

#define FILE_NAMED(name)                                                                           \
    {                                                                                              \
        "troth_" #name, guard_sql_##name                                                           \
    }

static const struct {
    const char *name;
    const char *text;
} statements[] = {
    [SQL_BEGIN] = {"troth_begin", "BEGIN"},
    [SQL_BEGIN_READ_ONLY] = {"troth_begin_read_only", "BEGIN READ ONLY"},
    [SQL_BEGIN_READ_COMMITTED] = {"troth_begin_read_committed",
                                  "BEGIN ISOLATION LEVEL READ COMMITTED"},
    [SQL_COMMIT] = {"troth_commit", "COMMIT"},
    [SQL_SETTINGS] = FILE_NAMED(settings),
    [SQL_WORK_SETTINGS] = FILE_NAMED(work_settings),
    [SQL_BRIEF_SETTINGS] = FILE_NAMED(brief_settings),
    [SQL_CLAIM] = FILE_NAMED(claim),
    [SQL_CLAIM_OR_FAIL] = FILE_NAMED(claim_or_fail),
    [SQL_CLAIM_COMPENSATION] = FILE_NAMED(claim_compensation),
    [SQL_KEEP] = FILE_NAMED(keep),
    [SQL_NO_TIMEOUT] = FILE_NAMED(no_timeout),
    [SQL_PREPARED] = FILE_NAMED(prepared),
    [SQL_FOUND] = FILE_NAMED(found),
    [SQL_ACTION_HELD] = FILE_NAMED(action_held),
    [SQL_REFUSE] = FILE_NAMED(refuse),
    [SQL_COMMITTED] = FILE_NAMED(committed),
    [SQL_ABORT] = FILE_NAMED(abort),
    [SQL_TO_UNDO] = FILE_NAMED(to_undo),
    [SQL_FOUND_BY_COMPENSATION] = FILE_NAMED(found_by_compensation),
    [SQL_STATUS] = FILE_NAMED(status),
    [SQL_SCAN] = FILE_NAMED(scan),
    [SQL_SWEEP] = FILE_NAMED(sweep),
    [SQL_HOLDERS] = FILE_NAMED(holders),
    [SQL_CANCEL] = FILE_NAMED(cancel),
    [SQL_SET_UP] = FILE_NAMED(set_up),
    [SQL_PREDECESSOR] = FILE_NAMED(predecessor),
    [SQL_MARK_SESSION] = FILE_NAMED(mark_session),
    [SQL_MAX_PREPARED] = FILE_NAMED(max_prepared),
    [SQL_MIGRATION_LOCK] = FILE_NAMED(migration_lock),
    [SQL_MIGRATION_HOLDERS] = FILE_NAMED(migration_holders),
    [SQL_RIGHTS] = FILE_NAMED(rights),
    [SQL_SCHEMA_THERE] = FILE_NAMED(schema_there),
    [SQL_SCHEMA_VERSION] = FILE_NAMED(schema_version),
    [SQL_ROW] = FILE_NAMED(row),
    [SQL_ROW_BEHIND] = FILE_NAMED(row_behind),
};

const char *sql_name(enum sql_statement statement)
{
    return statements[statement].name;
}

const char *sql_source(enum sql_statement statement)
{
    return statements[statement].text;
}

void sql_once(enum sql_statement statement, const char *argument, struct buffer *text)
{
    assert(argument == NULL || strchr(argument, '\'') == NULL);
    buffer_append_format(text, "DEALLOCATE ALL; %s EXECUTE %s", statements[statement].text,
                         statements[statement].name);
    if (argument != NULL)
        buffer_append_format(text, "('%s')", argument);
}

/* --- parameters ------------------------------------------------------------------------------- */

static void add(struct sql_parameters *parameters, const void *value, size_t len, int format)
{
    const int i = parameters->count++;
    assert(i < SQL_PARAMETERS_MAX && len <= INT_MAX);
    parameters->values[i] = value;
    parameters->lengths[i] = (int)len;
    parameters->formats[i] = format;
}

void sql_text(struct sql_parameters *parameters, const char *text)
{
    add(parameters, text, text == NULL ? 0 : strlen(text), 0);
}

void sql_bytes(struct sql_parameters *parameters, struct troth_span bytes)
{
    add(parameters, bytes.data, bytes.len, 1);
}

static void add_number(struct sql_parameters *parameters, uint64_t value, size_t bytes)
{
    unsigned char *number = parameters->numbers[parameters->count];
    size_t i;
    assert(parameters->count < SQL_PARAMETERS_MAX && bytes <= sizeof parameters->numbers[0]);
    for (i = 0; i < bytes; i++)
        number[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    add(parameters, number, bytes, 1);
}

bool sql_state_is_refusal(const char *sqlstate)
{
    return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0 ||
           strcmp(sqlstate, "P0001") == 0;
}

void sql_bool(struct sql_parameters *parameters, bool value)
{
    sql_text(parameters, value ? "t" : "f");
}

void sql_int4(struct sql_parameters *parameters, uint32_t value)
{
    add_number(parameters, value, 4);
}

void sql_int8(struct sql_parameters *parameters, uint64_t value)
{
    add_number(parameters, value, 8);
}

void sql_key(struct sql_parameters *parameters, const struct troth_call *call)
{
    assert(call->journal != NULL && call->branch != 0 && call->attempt != 0);
    parameters->count = 0;
    sql_text(parameters, call->journal);
    add(parameters, call->gtid.bytes, sizeof call->gtid.bytes, 1);
    sql_int4(parameters, call->branch);
    sql_int4(parameters, call->attempt);
}
