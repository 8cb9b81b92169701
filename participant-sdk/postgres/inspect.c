/* inspect.c: the statements of a file against the database that they are for. See file.h.
 *
 * Each is prepared as it stands, which finds what is wrong with its words, tables, columns and
 * types, at its place; then within what libtroth puts around it, and that is planned with EXPLAIN,
 * which looks at rights and runs nothing. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>

#include "file.h"

#define ALONE             "troth_check_alone"
#define WITHIN            "troth_check_within"
#define BEFORE            "with work as (\n"
#define BEHIND            "\n) select row_to_json(work)::text from work"
#define COLUMN_MAX        1664 /* PostgreSQL's MaxTupleAttributeNumber */
#define INSPECTION_US_MAX UINT64_C(60000000)

/* While one file is looked at. */
struct inspection {
    struct file *file;
    PGconn *db;
    uint64_t until_us; /* CLOCK_MONOTONIC */
    bool late;         /* the server said nothing until then */
};

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_lost(const struct inspection *inspection)
{
    return inspection->late || PQstatus(inspection->db) != CONNECTION_OK;
}

/* The last result of what was sent; NULL: it was not, or its answer did not come in time. */
static PGresult *hear(struct inspection *inspection, int sent)
{
    PGresult *result = NULL, *next;
    while (sent == 1) {
        const uint64_t now_us = mono_now().us;
        struct pollfd in = {.fd = PQsocket(inspection->db), .events = POLLIN};

        if (PQisBusy(inspection->db) == 0) {
            next = PQgetResult(inspection->db);
            if (next == NULL)
                break;
            PQclear(result);
            result = next;
            continue;
        }
        inspection->late = now_us >= inspection->until_us;
        if (inspection->late ||
            (poll(&in, 1, (int)((inspection->until_us - now_us) / 1000) + 1) > 0 &&
             PQconsumeInput(inspection->db) != 1))
            break;
    }
    return result;
}

static PGresult *ask(struct inspection *inspection, const char *text, int count,
                     const char *const *values)
{
    if (is_lost(inspection))
        return NULL;
    return hear(inspection, count == 0 ? PQsendQuery(inspection->db, text)
                                       : PQsendQueryParams(inspection->db, text, count, NULL,
                                                           values, NULL, NULL, 0));
}

static PGresult *describe(struct inspection *inspection, const char *name)
{
    return is_lost(inspection) ? NULL
                               : hear(inspection, PQsendDescribePrepared(inspection->db, name));
}

/* --- what the server says --------------------------------------------------------------------- */

/* "$2" in the server's words is a parameter's name in the file's. Gives the last one's number; 0:
 * none is named. */
static unsigned long append_named(struct buffer *text, const struct sqltext *sql, const char *words)
{
    unsigned long named = 0;
    for (; *words != '\0'; words++) {
        char *end;
        const unsigned long number = words[0] == '$' && words[1] >= '1' && words[1] <= '9'
                                         ? strtoul(words + 1, &end, 10)
                                         : 0;

        if (number == 0 || number > sql->count) {
            buffer_append_char(text, *words == '\n' || *words == '\t' ? ' ' : *words);
        } else {
            buffer_append_text(text, sql->names[number - 1]);
            named = number;
            words = end - 1;
        }
    }
    return named;
}

/* Characters of the statement that was sent, from 1, as a byte of `sql`. */
static size_t place_of(const struct sqltext *sql, const char *position, size_t before)
{
    const unsigned long at = position == NULL ? 0 : strtoul(position, NULL, 10);
    size_t chars = before + 1, i = 0; /* what stands before it is ASCII */
    if (at <= before)
        return 0;
    while (i < sql->len && chars < at) {
        i++;
        while (i < sql->len && ((unsigned char)sql->text[i] & 0xc0) == 0x80)
            i++;
        chars++;
    }
    return i;
}

static void say(struct inspection *inspection, struct sqltext *sql, const PGresult *result,
                size_t before, const char *more)
{
    BUFFER_SCOPED struct buffer text = {0};
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const unsigned long named =
        append_named(&text, sql, words == NULL ? PQerrorMessage(inspection->db) : words);
    if (hint != NULL) {
        buffer_append_text(&text, "; ");
        (void)append_named(&text, sql, hint);
    }
    buffer_append_text(&text, more);
    if (buffer_text(&text) == NULL)
        inspection->file->check.no_memory = true;
    else
        sqltext_error(&inspection->file->check, sql,
                      position == NULL && named > 0 ? sql->at[named - 1]
                                                    : place_of(sql, position, before),
                      "%s", text.data);
}

/* --- columns and parameters ------------------------------------------------------------------- */

static void look_at_columns(struct inspection *inspection, struct sqltext *sql,
                            const PGresult *described)
{
    struct check *check = &inspection->file->check;
    const int count = PQnfields(described);
    int i, k;
    if (count == 0) {
        sqltext_error(check, sql, 0, "gives no row, and without one it would be refused: %s",
                      sql->verb == SQLTEXT_READS
                          ? "SELECT INTO makes a table"
                          : "say with RETURNING what it did, as in RETURNING true AS done");
        return;
    }
    for (i = 0; i < count; i++) {
        const char *name = PQfname(described, i);

        for (k = 0; k < i && strcmp(PQfname(described, k), name) != 0; k++)
            ;
        if (strcmp(name, "?column?") == 0)
            sqltext_error(check, sql, 0,
                          "column %d has no name: give it one with AS, it is a member "
                          "of the output",
                          i + 1);
        else if (k < i)
            sqltext_error(check, sql, 0,
                          "two columns are called \"%s\": they are members of the "
                          "output, and need names of their own",
                          name);
    }
}

static void look_for_column(struct inspection *inspection, struct statement *statement,
                            const PGresult *described)
{
    const char *names[COLUMN_MAX + 1];
    const int count = PQnfields(described) > COLUMN_MAX ? COLUMN_MAX : PQnfields(described);
    const char *nearest;
    int i;
    for (i = 0; i < count && strcmp(PQfname(described, i), statement->column) != 0; i++)
        names[i] = PQfname(described, i);
    if (i < count || statement->column[0] == '\0')
        return;
    names[count] = NULL;
    nearest = check_nearest(&inspection->file->check, statement->column, names);
    check_error(&inspection->file->check, &statement->column_place,
                "no column \"%s\" comes from \"sql\"%s", statement->column, hint(nearest).text);
}

static uint32_t kind_of(const char *name, char category)
{
    static const char *const integers[] = {"int2", "int4", "int8", "oid", NULL};
    static const char *const numbers[] = {"numeric", "float4", "float8", NULL};
    int i;
    for (i = 0; integers[i] != NULL; i++)
        if (strcmp(name, integers[i]) == 0)
            return TROTH_POSTGRES_INTEGER;
    for (i = 0; numbers[i] != NULL; i++)
        if (strcmp(name, numbers[i]) == 0)
            return TROTH_POSTGRES_NUMBER;
    if (strcmp(name, "json") == 0 || strcmp(name, "jsonb") == 0)
        return TROTH_POSTGRES_JSON;
    return category == 'B'   ? TROTH_POSTGRES_BOOLEAN
           : category == 'A' ? TROTH_POSTGRES_ARRAY
                             : TROTH_POSTGRES_TEXT;
}

/* The kinds by the types that the server has inferred; a domain is of its base's. */
static void look_at_parameters(struct inspection *inspection, struct sqltext *sql,
                               const PGresult *described)
{
    static const char types[] =
        "with recursive base as (select oid, typbasetype, typname, typcategory from pg_type"
        " where oid = $1::oid union all select t.oid, t.typbasetype, t.typname, t.typcategory"
        " from base b join pg_type t on t.oid = b.typbasetype)"
        " select typname, typcategory from base where typbasetype = 0";
    uint32_t i;
    if (PQnparams(described) != (int)sql->count) {
        sqltext_error(&inspection->file->check, sql, 0,
                      "%u parameters are named, and the server sees %d", sql->count,
                      PQnparams(described));
        return;
    }
    for (i = 0; i < sql->count && !sql->words; i++) {
        char oid[16];
        const char *const values[] = {oid};
        PGresult *result;

        (void)snprintf(oid, sizeof oid, "%u", PQparamtype(described, (int)i));
        result = ask(inspection, types, 1, values);
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
            sql->how[i] |= kind_of(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)[0]);
        PQclear(result);
    }
}

/* --- a statement ------------------------------------------------------------------------------ */

static bool is_untyped(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, "42P18") == 0;
}

static bool prepare(struct inspection *inspection, struct sqltext *sql, const char *name,
                    const char *text, size_t before)
{
    PGresult *result = is_lost(inspection)
                           ? NULL
                           : hear(inspection, PQsendPrepare(inspection->db, name, text, 0, NULL));
    const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good && !is_lost(inspection))
        say(inspection, sql, result, before,
            is_untyped(result) ? "; say its type, as in ${input.a}::text" : "");
    PQclear(result);
    return good;
}

/* Rights. Of parameters nothing is known: the plan is the one for all. */
static void plan(struct inspection *inspection, struct sqltext *sql, const char *name)
{
    BUFFER_SCOPED struct buffer text = {0};
    BUFFER_SCOPED struct buffer who = {0};
    PGresult *result;
    uint32_t i;
    buffer_append_format(&text, "explain execute %s", name);
    for (i = 0; i < sql->count; i++)
        buffer_append_text(&text, i == 0 ? "(null" : ", null");
    buffer_append_text(&text, sql->count > 0 ? ")" : "");
    buffer_append_format(&who, ", as role \"%s\"", PQuser(inspection->db));
    if (buffer_text(&text) == NULL || buffer_text(&who) == NULL)
        return;
    result = ask(inspection, text.data, 0, NULL);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && !is_lost(inspection))
        say(inspection, sql, result, SIZE_MAX, who.data);
    PQclear(result);
}

static void forget(struct inspection *inspection)
{
    PQclear(ask(inspection, "deallocate all", 0, NULL));
}

/* Within what libtroth puts around it. */
static void look_within(struct inspection *inspection, struct sqltext *sql)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_text(&text, BEFORE);
    buffer_append_text(&text, sql->text);
    buffer_append_text(&text, BEHIND);
    if (buffer_text(&text) != NULL &&
        prepare(inspection, sql, WITHIN, text.data, sizeof BEFORE - 1))
        plan(inspection, sql, WITHIN);
}

static void inspect_sql(struct inspection *inspection, struct statement *statement)
{
    struct sqltext *sql = &statement->sql;
    PGresult *described;
    if (sql->text == NULL || !sql->sound || is_lost(inspection) ||
        !prepare(inspection, sql, ALONE, sql->text, 0))
        return;
    described = describe(inspection, ALONE);
    if (PQresultStatus(described) == PGRES_COMMAND_OK) {
        look_at_columns(inspection, sql, described);
        look_at_parameters(inspection, sql, described);
        look_for_column(inspection, statement, described);
        if (sql->sound)
            look_within(inspection, sql);
    }
    PQclear(described);
    forget(inspection);
}

static void inspect_reason(struct inspection *inspection, struct sqltext *sql)
{
    PGresult *described;
    if (sql->text == NULL || !sql->sound || is_lost(inspection) ||
        !prepare(inspection, sql, ALONE, sql->text, 0))
        return;
    described = describe(inspection, ALONE);
    if (PQresultStatus(described) == PGRES_COMMAND_OK) {
        if (PQnfields(described) != 1)
            sqltext_error(&inspection->file->check, sql, 0,
                          "a reason is one column, and this gives %d", PQnfields(described));
        look_at_parameters(inspection, sql, described);
        plan(inspection, sql, ALONE);
    }
    PQclear(described);
    forget(inspection);
}

/* A constraint, or a unique index, which the server names likewise. */
static void inspect_constraints(struct inspection *inspection, struct statement *statement)
{
    static const char there[] =
        "select exists (select from pg_constraint where conname = $1)"
        " or exists (select from pg_class where relname = $1 and relkind in ('i', 'I'))";
    uint32_t i;
    for (i = 0; i < statement->constraints && !is_lost(inspection); i++) {
        const char *const values[] = {statement->names[2 * i]};
        PGresult *result = ask(inspection, there, 1, values);

        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] == 'f')
            check_error_at_key(&inspection->file->check, &statement->constraint_places[i],
                               "no constraint of the database is called so");
        PQclear(result);
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool set_up(struct inspection *inspection)
{
    static const char settings[] =
        "set plan_cache_mode = force_generic_plan; set default_transaction_read_only = on;"
        "set statement_timeout = '10s'; set lock_timeout = '5s'";
    PGresult *result = ask(inspection, settings, 0, NULL);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done;
}

int file_inspect(struct file *file, PGconn *db)
{
    struct inspection inspection = {
        .file = file, .db = db, .until_us = mono_now().us + INSPECTION_US_MAX};
    uint32_t i;
    if (!set_up(&inspection))
        return TROTH_ERROR_UNAVAILABLE;
    for (i = 0; i < file->count && !is_lost(&inspection); i++) {
        struct operation *operation = &file->operations[i];

        inspect_sql(&inspection, &operation->work);
        inspect_reason(&inspection, &operation->work.reason);
        inspect_constraints(&inspection, &operation->work);
        inspect_sql(&inspection, &operation->undo);
        inspect_reason(&inspection, &operation->undo.reason);
        inspect_constraints(&inspection, &operation->undo);
    }
    if (is_lost(&inspection))
        return TROTH_ERROR_UNAVAILABLE;
    return file->check.no_memory ? TROTH_ERROR_NO_MEMORY : 0;
}
