/* `trothd migrate`: blocking, from the command line. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <base/buffer.h>
#include <base/crash.h>
#include <journal/journal.h>

#include <journal_migrations.h>
#include <journal_sql.h>

#include "session.h"
#include <hosts/hosts.h>

#define CONNECT_TIMEOUT_S 10u /* for each host, unless the conninfo says otherwise */
#define MIGRATE_TRIES_MAX 20  /* two that begin at once collide a few times; more is an error */

struct migration_run {
    PGconn *conn;
    struct buffer *why;
    uint32_t shards;
    uint32_t applied;
};

static void conn_finish(PGconn **conn)
{
    PQfinish(*conn);
}

static void result_finish(PGresult **result)
{
    PQclear(*result);
}

#define RESULT_SCOPED __attribute__((cleanup(result_finish)))

static void why_set(struct buffer *why, const char *what, const char *detail)
{
    if (why == NULL)
        return;
    buffer_clear(why);
    buffer_append_text(why, what);
    buffer_append_text(why, detail);
    while (why->len > 0 && why->data[why->len - 1] == '\n')
        why->len--;
}

/* TROTH_ERROR_BUSY: another one does the same at this moment; from the start. */
static int run_check(struct migration_run *run, const PGresult *result)
{
    /* Of schema, table, and the table's row type: whichever the other one has made meanwhile. */
    static const char *const collisions[] = {"23505", "42P06", "42P07", "42710",
                                             "40001", "40P01", "XX000"};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return TROTH_OK;
    why_set(run->why, "the database: ", PQerrorMessage(run->conn));
    for (size_t i = 0; state != NULL && i < sizeof collisions / sizeof collisions[0]; i++)
        if (strcmp(state, collisions[i]) == 0)
            return TROTH_ERROR_BUSY;
    return PQstatus(run->conn) == CONNECTION_BAD ? TROTH_ERROR_UNAVAILABLE : TROTH_ERROR_DATABASE;
}

static int run_exec(struct migration_run *run, const char *sql)
{
    RESULT_SCOPED PGresult *result = PQexec(run->conn, sql);
    return run_check(run, result);
}

/* One row of one integer. */
static int run_number(struct migration_run *run, const char *sql, int *ret_number)
{
    RESULT_SCOPED PGresult *result = PQexec(run->conn, sql);
    int error = run_check(run, result);
    if (error == TROTH_OK)
        *ret_number = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
    return error;
}

/* The table that says which migrations are there, and whose lock makes one at a time. */
static int run_open(struct migration_run *run)
{
    int there, error;
    error = run_number(run, journal_sql_migrate_has_schema, &there);
    if (error == TROTH_OK && !there)
        error = run_exec(run, journal_sql_migrate_schema);
    if (error == TROTH_OK)
        error = run_number(run, journal_sql_migrate_has_table, &there);
    if (error == TROTH_OK && !there)
        error = run_exec(run, journal_sql_migrate_table);
    return error;
}

static int run_record(struct migration_run *run, int version, const char *name)
{
    char number[16];
    const char *values[] = {number, name};
    snprintf(number, sizeof number, "%d", version);
    RESULT_SCOPED PGresult *result =
        PQexecParams(run->conn, journal_sql_migrate_record, 2, NULL, values, NULL, NULL, 0);

    return run_check(run, result);
}

static int run_apply_locked(struct migration_run *run, bool *ret_more)
{
    int version = 0;
    int error = run_exec(run, journal_sql_migrate_lock);
    if (error == TROTH_OK)
        error = run_number(run, journal_sql_migrate_version, &version);
    if (error != TROTH_OK)
        return error;
    if (version > JOURNAL_MIGRATIONS_COUNT) {
        why_set(run->why, "the journal's schema is newer than this program", "");
        return TROTH_ERROR_SCHEMA;
    }
    *ret_more = version < JOURNAL_MIGRATIONS_COUNT;
    if (!*ret_more)
        return TROTH_OK;
    error = run_exec(run, journal_migrations[version].text);
    if (error == TROTH_OK)
        error = run_record(run, version + 1, journal_migrations[version].name);
    if (error == TROTH_OK)
        run->applied++;
    return error;
}

static int run_create_journal(struct migration_run *run, uint32_t shards)
{
    uint8_t random[TROTH_JOURNAL_ID_LEN / 2];
    char id[TROTH_JOURNAL_ID_LEN + 1], count[16];
    const char *values[] = {id, count};
    int error;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        why_set(run->why, "no random numbers for the journal's id", "");
        return TROTH_ERROR_SYSTEM;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    snprintf(count, sizeof count, "%u", shards);
    RESULT_SCOPED PGresult *result =
        PQexecParams(run->conn, journal_sql_migrate_journal, 2, NULL, values, NULL, NULL, 0);
    error = run_check(run, result);
    if (error == TROTH_OK)
        error = run_exec(run, journal_sql_migrate_make_shards);
    if (error == TROTH_OK)
        error = run_exec(run, journal_sql_migrate_make_leases);
    return error;
}

/* The journal's own row, made once; the lock is held. */
static int run_journal(struct migration_run *run)
{
    int shards = 0;
    int error = run_exec(run, journal_sql_migrate_lock);
    if (error == TROTH_OK)
        error = run_number(run, journal_sql_migrate_shards, &shards);
    if (error != TROTH_OK)
        return error;
    if (shards == 0)
        return run_create_journal(run, run->shards == 0 ? JOURNAL_SHARDS_DEFAULT : run->shards);
    if (run->shards != 0 && run->shards != (uint32_t)shards) {
        why_set(run->why, "the number of shards is fixed when the journal is created", "");
        return TROTH_ERROR_INVALID;
    }
    return TROTH_OK;
}

/* `step` in a transaction of its own. A COMMIT whose answer is lost is looked at by the next run.
 */
static int run_transaction(struct migration_run *run,
                           int (*step)(struct migration_run *run, bool *), bool *ret_more)
{
    uint32_t applied = run->applied;
    int error = run_exec(run, "begin");
    if (error != TROTH_OK)
        return error;
    error = step(run, ret_more);
    CRASH_POINT("journal.migrate");
    if (error == TROTH_OK)
        error = run_exec(run, "commit");
    CRASH_POINT("journal.migrated");
    if (error != TROTH_OK) {
        RESULT_SCOPED PGresult *result = PQexec(run->conn, "rollback");

        (void)result;
        run->applied = applied;
    }
    return error;
}

static int run_journal_step(struct migration_run *run, bool *ret_more)
{
    *ret_more = false;
    return run_journal(run);
}

static int run_all(struct migration_run *run)
{
    bool more = true;
    int error = run_open(run);
    while (error == TROTH_OK && more)
        error = run_transaction(run, run_apply_locked, &more);
    if (error == TROTH_OK)
        error = run_transaction(run, run_journal_step, &more);
    return error;
}

/* The first host that takes writes; `why` gets what each of them said. NULL: none. */
static PGconn *connect_one(const struct hosts *hosts, struct buffer *why)
{
    why_set(why, "the database cannot be reached: ", "");
    for (size_t i = 0; i < hosts->count; i++) {
        PGconn *conn = hosts_connect(hosts, i, "trothd migrate", CONNECT_TIMEOUT_S);
        const char *said = conn == NULL ? "out of memory" : PQerrorMessage(conn);

        if (conn != NULL && PQstatus(conn) == CONNECTION_OK)
            return conn;
        if (why != NULL)
            buffer_append_format(why, "%s%.*s", i == 0 ? "" : "; ", (int)strcspn(said, "\n"), said);
        PQfinish(conn);
    }
    return NULL;
}

/* The same questions as the daemon's, so that one does not accept what the other refuses. */
static int run_fit(struct migration_run *run, enum journal_unsafe unsafe)
{
    const char *values[] = {"migrate", NULL, NULL, NULL};
    RESULT_SCOPED PGresult *begun =
        PQexecParams(run->conn, journal_sql_session_settings, 4, NULL, values, NULL, NULL, 0);
    RESULT_SCOPED PGresult *result = PQexec(run->conn, journal_sql_session_fit);
    char text[LINK_WHY_MAX];
    enum session_fit fit;
    int error = run_check(run, begun);
    if (error == TROTH_OK)
        error = run_check(run, result);
    if (error != TROTH_OK)
        return error;
    if (run->why != NULL)
        buffer_clear(run->why);
    fit = session_fit(result, text, sizeof text);
    if (fit != SESSION_FIT)
        why_set(run->why, text, "");
    if (fit == SESSION_FIT || (fit == SESSION_UNSAFE && unsafe == JOURNAL_UNSAFE_ALLOWED))
        return TROTH_OK;
    return fit == SESSION_STANDBY ? TROTH_ERROR_UNAVAILABLE : TROTH_ERROR_CONFIG;
}

static int migrate(const struct hosts *hosts, uint32_t shards, enum journal_unsafe unsafe,
                   struct buffer *why, uint32_t *ret_applied)
{
    __attribute__((cleanup(conn_finish))) PGconn *conn = connect_one(hosts, why);
    struct migration_run run = {.conn = conn, .why = why, .shards = shards};
    int error;

    if (conn == NULL)
        return TROTH_ERROR_UNAVAILABLE;
    error = run_fit(&run, unsafe);
    if (error != TROTH_OK)
        return error;
    error = TROTH_ERROR_BUSY;
    for (int i = 0; i < MIGRATE_TRIES_MAX && error == TROTH_ERROR_BUSY; i++)
        error = run_all(&run);
    if (error == TROTH_OK)
        *ret_applied = run.applied;
    return error;
}

int journal_migrate(const char *conninfo, uint32_t shards, enum journal_unsafe unsafe,
                    struct buffer *why, uint32_t *ret_applied)
{
    struct hosts hosts;
    int error = hosts_init(&hosts, conninfo);
    if (error != TROTH_OK)
        return error;
    if (shards > TROTH_SHARDS_MAX) {
        why_set(why, "too many shards", "");
        error = TROTH_ERROR_INVALID;
    } else {
        error = migrate(&hosts, shards, unsafe, why, ret_applied);
    }
    hosts_finish(&hosts);
    return error;
}
