/* session.c: what is said over one connection to PostgreSQL, which one thread uses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg.h"

#define SQLSTATE_LOCK_TIMEOUT "55P03"

/* A gtid below the mark has been forgotten: it gets no row any more. */
#define NOT_FORGOTTEN(shard, ordering)                                                             \
    " WHERE NOT EXISTS (SELECT FROM troth_guard.mark m WHERE m.journal = $1::text"                 \
    " AND m.shard = " shard "::int4 AND m.ordering > " ordering "::int8)"
/* A tombstone or refusal of a lower attempt gives way to a higher one [TOMBALL]; what is done
 * stays. Behind what a higher attempt left, nothing of a lower one comes in [NOFENCE]. */
#define GIVES_WAY                                                                                  \
    " ON CONFLICT (journal, gtid, branch, kind) DO UPDATE SET attempt = excluded.attempt,"         \
    " state = excluded.state, request = excluded.request, output = excluded.output,"               \
    " reason = excluded.reason WHERE g.state <> 'done' AND g.attempt < excluded.attempt"
/* Materialized, so that the timeouts hold, and the session is known by its branch's name, before
 * the row is waited for: its own gate is passed behind the new name
 * (sql/participant/0004_running.sql, troth_guard.say_running()). */
#define SETTINGS(statement, lock)                                                                  \
    "SELECT set_config('statement_timeout', " statement "::text, true),"                           \
    " set_config('lock_timeout', " lock "::text, true)"

#define GATE "(1953656692, pg_backend_pid())"
/* The guard row is waited for briefly; whoever has it waits for the rows of the business. */
#define CLAIM_SETTINGS                                                                             \
    "settings AS MATERIALIZED (" SETTINGS("$8", "$9") ", set_config('application_name',"           \
                                                      " $10::text, true), pg_advisory_lock" GATE   \
                                                      ", pg_advisory_unlock" GATE ")"
/* One row for prepare and execute, so that they meet, and inserted: a look before the insert proves
 * nothing [KINDKEY, SPLITKEY]. */
#define CLAIM                                                                                      \
    " INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind,"                            \
    " attempt, state, request, shard, ordering)"                                                   \
    " SELECT $1::text, $2::uuid, $3::int4, 'action', $4::int4, 'done',"                            \
    " sha256($5::bytea), $6::int4, $7::int8"                                                       \
    " FROM settings" NOT_FORGOTTEN("$6", "$7") GIVES_WAY                                           \
        " RETURNING g.ctid, set_config('lock_timeout', $11::text, true)"

static const struct {
    const char *name;
    const char *text;
} statements[SQL_STATEMENT_COUNT] = {
    [SQL_BEGIN] = {"troth_begin", "BEGIN"},
    [SQL_BEGIN_READ_ONLY] = {"troth_begin_ro", "BEGIN READ ONLY"},
    [SQL_SETTINGS] = {"troth_settings", SETTINGS("$1", "$2")},
    /* The second one fails where no row is written (22012), so that the server skips what was sent
     * behind it. */
    [SQL_CLAIM] = {"troth_claim", "WITH " CLAIM_SETTINGS CLAIM},
    [SQL_CLAIM_OR_FAIL] = {"troth_claim_or_fail", "WITH " CLAIM_SETTINGS ", claimed AS (" CLAIM ")"
                                                  " SELECT min(ctid::text), 1 / count(*)"
                                                  " FROM claimed"},
    [SQL_CLAIM_COMPENSATION] = {"troth_claim_compensation",
                                "INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind,"
                                " attempt, state, request, shard, ordering)"
                                " SELECT $1::text, $2::uuid, $3::int4, 'compensation', $4::int4,"
                                " 'done', sha256($5::bytea), $6::int4, $7::int8" NOT_FORGOTTEN(
                                    "$6", "$7") " ON CONFLICT DO NOTHING RETURNING g.ctid"},
    [SQL_FENCE] =
        {"troth_fence",
         "INSERT INTO troth_guard.guard AS g (journal, gtid, branch, kind, attempt, state,"
         " request, shard, ordering, output, reason)"
         " SELECT $1::text, $2::uuid, $3::int4, 'action', $4::int4, $8::text,"
         " sha256($5::bytea), $6::int4, $7::int8, $9::text, $10::text" NOT_FORGOTTEN("$6", "$7")
             GIVES_WAY " RETURNING true"},
    [SQL_LOOK] = {"troth_look",
                  "SELECT g.state, g.attempt, coalesce(g.request = sha256($5::bytea), true),"
                  " g.output, g.reason, EXISTS (SELECT FROM troth_guard.mark m"
                  " WHERE m.journal = $1::text AND m.shard = $6::int4 AND m.ordering > $7::int8)"
                  " FROM (SELECT 1) AS one LEFT JOIN troth_guard.guard g ON g.journal = $1::text"
                  " AND g.gtid = $2::uuid AND g.branch = $3::int4 AND g.kind = $8::text"
                  " AND $4::int4 IS NOT NULL"},
    /* The claimed row by its place: a look into the index would make a serialisable transaction
     * depend on whoever inserts his row beside it. */
    [SQL_KEEP] = {"troth_keep",
                  "UPDATE troth_guard.guard SET output = $5::text WHERE ctid = $7::tid"
                  " AND journal = $1::text AND gtid = $2::uuid AND branch = $3::int4"
                  " AND kind = $6::text AND attempt = $4::int4"
                  " RETURNING set_config('statement_timeout', '0', true)"},
    [SQL_NO_TIMEOUT] = {"troth_no_timeout", "SELECT set_config('statement_timeout', '0', true)"},
    [SQL_PREPARED] = {"troth_prepared",
                      "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
                      " AND owner = current_user AND starts_with(gid, $1::text)"},
    [SQL_END_RUNNING] = {"troth_end_running",
                         "SELECT troth_guard.end_running($1::text, $2::uuid, $3::int4, $4::int4)"},
    [SQL_SCAN] = {"troth_scan",
                  "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
                  " AND owner = current_user AND starts_with(gid, 'troth_')"
                  " AND prepared <= now() - $1::int8 * interval '1 microsecond'"
                  " ORDER BY prepared LIMIT " SCAN_NAMES_MAX_TEXT},
    [SQL_SWEEP] =
        {"troth_sweep",
         "DELETE FROM troth_guard.guard WHERE ctid = ANY (ARRAY(SELECT g.ctid"
         " FROM troth_guard.guard g, unnest($2::int4[], $3::int8[]) AS m (shard, ordering)"
         " WHERE g.journal = $1::text AND g.shard = m.shard AND g.ordering < m.ordering"
         " LIMIT " SWEEP_ROWS_MAX_TEXT " FOR UPDATE OF g SKIP LOCKED))"},
    [SQL_MARK] = {"troth_mark",
                  "INSERT INTO troth_guard.mark AS m (journal, shard, ordering)"
                  " SELECT $1::text, shard, ordering FROM unnest($2::int4[], $3::int8[])"
                  " AS u (shard, ordering) ON CONFLICT (journal, shard) DO UPDATE"
                  " SET ordering = excluded.ordering, moved_at = now()"
                  " WHERE m.ordering < excluded.ordering"},
    /* And how long it has been prepared: what `holder` ends with is its name. */
    [SQL_HOLDERS] =
        {"troth_holders",
         "SELECT h.waiter, h.gtid, h.attempt, h.prepared, h.holder,"
         " coalesce(extract(epoch FROM clock_timestamp() - p.prepared) * 1000000,"
         " 0)::int8 FROM troth_guard.holders($1::int4[]) h LEFT JOIN pg_prepared_xacts p"
         " ON p.gid = substr(h.holder, length('prepared transaction ') + 1)"},
    [SQL_CANCEL] = {"troth_cancel", "SELECT pg_cancel_backend($1::int4)"},
};

/* --- parameters ------------------------------------------------------------------------------- */

static void add(struct sql_parameters *parameters, const void *value, size_t len, int format)
{
    const int i = parameters->count++;

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

    for (i = 0; i < bytes; i++) {
        number[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    }
    add(parameters, number, bytes, 1);
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
    parameters->count = 0;
    sql_text(parameters, call->journal);
    add(parameters, call->gtid.bytes, sizeof call->gtid.bytes, 1);
    sql_int4(parameters, call->branch);
    sql_int4(parameters, call->attempt);
}

/* --- preparing ------------------------------------------------------------------------------- */

bool session_prepare_all(struct session *session)
{
    PGresult *result;
    bool good = true;
    int i;

    for (i = 0; good && i < SQL_STATEMENT_COUNT; i++) {
        result = PQprepare(session->connection, statements[i].name, statements[i].text, 0, NULL);
        good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    return good;
}

/* --- results ---------------------------------------------------------------------------------- */

/* Judges a result; keeps what went wrong in session->why. */
static enum sql_end judge(struct session *session, const PGresult *result,
                          struct sql_error *ret_error)
{
    const ExecStatusType status = PQresultStatus(result);
    const char *state;

    ret_error->sqlstate[0] = '\0';
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        return SQL_OK;
    }
    if (status == PGRES_PIPELINE_ABORTED) {
        return SQL_FAILED; /* the statement before it has said why */
    }
    state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL || session_is_over(result)) {
        session_say(session);
        return SQL_LOST;
    }
    (void)snprintf(ret_error->sqlstate, sizeof ret_error->sqlstate, "%s", state);
    (void)snprintf(session->why, sizeof session->why, "%s: %s", state,
                   PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    return strcmp(state, SQLSTATE_LOCK_TIMEOUT) == 0 ? SQL_LOCKED : SQL_FAILED;
}

/* A connection that libpq calls broken, or that the server has ended, is not used again. */
static enum sql_end dropped(struct session *session)
{
    session_say(session);
    session_close(session);
    return SQL_LOST;
}

enum sql_end session_run(struct session *session, enum sql_statement statement,
                         const struct sql_parameters *parameters, PGresult **ret_result,
                         struct sql_error *ret_error)
{
    PGresult *result;
    enum sql_end end;

    session_limit(session, 0);
    result = PQexecPrepared(session->connection, statements[statement].name,
                            parameters == NULL ? 0 : parameters->count,
                            parameters == NULL ? NULL : parameters->values,
                            parameters == NULL ? NULL : parameters->lengths,
                            parameters == NULL ? NULL : parameters->formats, 0);
    end = judge(session, result, ret_error);
    if (end == SQL_LOST) {
        PQclear(result);
        return dropped(session);
    }
    if (ret_result == NULL) {
        PQclear(result);
    } else {
        *ret_result = result;
    }
    return end;
}

enum sql_end session_command(struct session *session, const char *text, const char *tag,
                             struct sql_error *ret_error)
{
    PGresult *result;
    enum sql_end end;

    session_limit(session, 0);
    result = PQexec(session->connection, text);
    end = judge(session, result, ret_error);
    if (end == SQL_OK && strcmp(PQcmdStatus(result), tag) != 0) {
        (void)snprintf(session->why, sizeof session->why, "the answer was %s", PQcmdStatus(result));
        end = SQL_FAILED;
    }
    PQclear(result);
    return end == SQL_LOST ? dropped(session) : end;
}

/* --- pipeline --------------------------------------------------------------------------------- */

bool session_pipeline_begin(struct session *session)
{
    session_limit(session, 0);
    return PQenterPipelineMode(session->connection) == 1;
}

bool session_send(struct session *session, enum sql_statement statement,
                  const struct sql_parameters *parameters)
{
    return PQsendQueryPrepared(session->connection, statements[statement].name,
                               parameters == NULL ? 0 : parameters->count,
                               parameters == NULL ? NULL : parameters->values,
                               parameters == NULL ? NULL : parameters->lengths,
                               parameters == NULL ? NULL : parameters->formats, 0) == 1;
}

bool session_send_text(struct session *session, const char *text)
{
    return PQsendQueryParams(session->connection, text, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

bool session_pipeline_send(struct session *session)
{
    return PQpipelineSync(session->connection) == 1;
}

enum sql_end session_next(struct session *session, PGresult **ret_result,
                          struct sql_error *ret_error)
{
    PGresult *result = PQgetResult(session->connection);
    enum sql_end end = judge(session, result, ret_error);

    if (end == SQL_LOST || ret_result == NULL) {
        PQclear(result);
    } else {
        *ret_result = result;
    }
    if (end != SQL_LOST) {
        PQclear(PQgetResult(session->connection)); /* the NULL between two statements' results */
    }
    return end;
}

bool session_pipeline_end(struct session *session)
{
    for (;;) {
        PGresult *result = PQgetResult(session->connection);
        const bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        PQclear(result);
        if (synced) {
            break;
        }
        if (PQstatus(session->connection) != CONNECTION_OK) {
            (void)dropped(session);
            return false;
        }
    }
    if (PQexitPipelineMode(session->connection) != 1) {
        (void)dropped(session);
        return false;
    }
    return true;
}

bool session_rollback(struct session *session)
{
    struct sql_error error;

    if (session->connection == NULL) {
        return false;
    }
    switch (PQtransactionStatus(session->connection)) {
    case PQTRANS_IDLE:
        return true;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        return session_command(session, "ROLLBACK", "ROLLBACK", &error) == SQL_OK;
    case PQTRANS_ACTIVE:
    case PQTRANS_UNKNOWN:
        break;
    }
    (void)dropped(session);
    return false;
}
