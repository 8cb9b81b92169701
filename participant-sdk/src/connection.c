/* connection.c: the connection of a session: opened, watched, and given up. */
#include "connection.h"

#include <libpq-events.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "resource.h"
#include "say.h"
#include "sql.h"
#include "task.h"
#include "watch.h"

#define SQLSTATE_DEADLOCK      "40P01"
#define SQLSTATE_SERIALISATION "40001"
#define SQLSTATE_FAILED_BEFORE "25P02" /* says nothing new */
#define SQLSTATE_READ_ONLY     "25006"
#define LINE_BYTES             768u
#define LOCK_TIMEOUT_TEXT      24

void session_init(struct session *session, struct troth_postgres *postgres)
{
    session->postgres = postgres;
    watch_init(&session->watch);
}

void session_finish(struct session *session)
{
    session_close(session);
    buffer_finish(&session->single.output);
    watch_finish(&session->watch);
}

/* --- what is heard over it -------------------------------------------------------------------- */

static void on_notice(void *arg, const PGresult *result)
{
    struct session *session = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (severity != NULL && strcmp(severity, "WARNING") == 0) {
        session->warned = true;
        (void)snprintf(session->why, sizeof session->why, "%s", text == NULL ? "WARNING" : text);
    }
}

/* "55P03: canceling statement due to lock timeout (while updating tuple (0,1) in relation …)". */
static void keep_words(struct session *session, const PGresult *result, const char *state)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *where = PQresultErrorField(result, PG_DIAG_CONTEXT);
    (void)snprintf(session->failed, sizeof session->failed, "%s", state);
    (void)snprintf(session->failed_why, sizeof session->failed_why, "%s: %s%s%.*s%s", state,
                   text == NULL ? "" : text, where == NULL ? "" : " (",
                   where == NULL ? 0 : (int)strcspn(where, "\n"), where == NULL ? "" : where,
                   where == NULL ? "" : ")");
}

/* A server that takes no writes, or is about to go: the session may be kept by it for ever, and is
 * of no use any more. Where the transaction itself is READ ONLY the service has made a mistake. */
static bool is_wrong_server(const struct session *session, const char *state)
{
    return (strcmp(state, SQLSTATE_READ_ONLY) == 0 && !session->reads_only) ||
           strncmp(state, "57P0", 4) == 0 || strncmp(state, "08", 2) == 0;
}

static bool is_from(const PGresult *result, const char *file)
{
    const char *from = PQresultErrorField(result, PG_DIAG_SOURCE_FILE);
    return from != NULL && strcmp(from, file) == 0;
}

/* Of every statement, also the service's own: why the transaction is a failed one. */
static int on_event(PGEventId event, void *info, void *arg)
{
    struct session *session = arg;
    const PGresult *result;
    const char *state;
    if (event == PGEVT_RESULTCREATE) {
        result = ((const PGEventResultCreate *)info)->result;
        state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && state != NULL &&
            strcmp(state, SQLSTATE_FAILED_BEFORE) != 0) {
            keep_words(session, result, state);
            session->dependent = is_from(result, "predicate.c");
            session->stale = session->stale || is_wrong_server(session, state);
        }
    }
    return 1;
}

bool session_is_over(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

void session_forget(struct session *session)
{
    session->failed[0] = '\0';
    session->failed_why[0] = '\0';
    session->dependent = false;
    session->wait = (struct wait){0};
}

bool session_again(const struct session *session)
{
    return strcmp(session->failed, SQLSTATE_DEADLOCK) == 0 ||
           strcmp(session->failed, SQLSTATE_SERIALISATION) == 0;
}

void session_unwarn(struct session *session)
{
    session->warned = false;
}

void session_say(struct session *session)
{
    const char *text = session->connection == NULL ? "there is no connection"
                                                   : PQerrorMessage(session->connection);
    if (watch_is_ended(&session->watch))
        text = "the participant is shutting down";
    else if (watch_is_cut(&session->watch))
        text = "the database did not answer in time: its connection was dropped";
    (void)snprintf(session->why, sizeof session->why, "%s", text);
}

/* --- time ------------------------------------------------------------------------------------- */

void session_limit(struct session *session, uint64_t more_us)
{
    const struct troth_postgres *postgres = session->postgres;
    watch_set(&session->watch,
              task_now_us() + postgres->answer_timeout_us + postgres->guard_timeout_us + more_us);
}

void session_limit_work(struct session *session)
{
    watch_set(&session->watch, session->work_until_us);
}

void session_limit_end(struct session *session)
{
    const uint64_t soon_us = task_now_us() + session->postgres->answer_timeout_us;
    watch_set(&session->watch, session->work_until_us > soon_us ? session->work_until_us : soon_us);
}

void session_note_call(struct session *session, const struct troth_call *call)
{
    session->gtid = call->gtid;
    session->branch = call->branch;
    session->attempt = call->attempt;
}

void session_begin_task(struct session *session, const struct troth_reply *task)
{
    const struct troth_postgres *postgres = session->postgres;
    session_note_call(session, &task->call);
    session->cut = false;
    session->reads_only = false;
    session->work_until_us = task->deadline_us != 0
                                 ? task->deadline_us + postgres->answer_timeout_us
                                 : task_now_us() + postgres->work_timeout_us;
}

void session_end_task(struct session *session)
{
    watch_set(&session->watch, 0);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* In one query. */
static bool prepare(struct session *session, enum sql_statement first, enum sql_statement last)
{
    struct buffer text BUFFER_SCOPED = {0};
    PGresult *result;
    bool good;
    int i;
    for (i = (int)first; i <= (int)last; i++)
        buffer_append_text(&text, sql_source((enum sql_statement)i));
    if (text.failed)
        return false;
    result = PQexec(session->connection, buffer_text(&text));
    good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return good;
}

/* Those that have no PREPARE. */
static bool prepare_word(struct session *session, enum sql_statement word)
{
    PGresult *result = PQprepare(session->connection, sql_name(word), sql_source(word), 0, NULL);
    const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return good;
}

static bool prepare_all(struct session *session)
{
    int word;
    for (word = SQL_BEGIN; word < SQL_SETTINGS; word++)
        if (!prepare_word(session, (enum sql_statement)word))
            return false;
    return prepare(session, SQL_SETTINGS, SQL_CANCEL);
}

/* What the library itself waits for locks. */
static void lock_timeout_of(const struct session *session, char ret_text[LOCK_TIMEOUT_TEXT])
{
    (void)snprintf(ret_text, LOCK_TIMEOUT_TEXT, "%llu",
                   (unsigned long long)(session->postgres->guard_timeout_us / 1000 + 1));
}

/* The backend's name comes with it. */
static bool set_up(struct session *session)
{
    char lock_timeout[LOCK_TIMEOUT_TEXT];
    const char *const values[] = {lock_timeout};
    PGresult *result;
    bool good;
    lock_timeout_of(session, lock_timeout);
    result = PQexecPrepared(session->connection, sql_name(SQL_SET_UP), 1, values, NULL, NULL, 0);
    good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (good) {
        (void)snprintf(session->backend.pid, sizeof session->backend.pid, "%s",
                       PQgetvalue(result, 0, 4));
        (void)snprintf(session->backend.since, sizeof session->backend.since, "%s",
                       PQgetvalue(result, 0, 5));
    }
    PQclear(result);
    return good;
}

/* A session that was cut may have left its backend behind, and a database that does not answer (a
 * standby is lost, a disk does not write) would soon have no connection left for anybody. So one
 * session has one backend: as long as the one before works, perhaps on a COMMIT that waits for a
 * standby and must not be ended, there is no new one. What it has only left open is ended. */
static bool settle_predecessor(struct session *session)
{
    const char *const values[] = {session->left.pid, session->left.since};
    PGresult *result;
    bool good, works;
    if (session->left.pid[0] == '\0')
        return true;
    result =
        PQexecPrepared(session->connection, sql_name(SQL_PREDECESSOR), 2, values, NULL, NULL, 0);
    good = PQresultStatus(result) == PGRES_TUPLES_OK;
    works = good && PQntuples(result) > 0 && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (works) {
        (void)snprintf(session->why, sizeof session->why,
                       "the database has not finished an earlier call, which it did not answer"
                       " in time (process %s)",
                       session->left.pid);
        PQfinish(session->connection);
        session->connection = NULL;
    } else if (good) {
        session->left.pid[0] = '\0';
    }
    return good && !works;
}

static bool greet(struct session *session, bool statements_too)
{
    session->backend.pid[0] = '\0';
    if (!watch_open(&session->watch, PQsocket(session->connection)))
        return false;
    session_limit(session, 0);
    (void)PQsetNoticeReceiver(session->connection, on_notice, session);
    return PQregisterEventProc(session->connection, on_event, "troth", session) != 0 &&
           prepare(session, SQL_SET_UP, SQL_PREDECESSOR) && set_up(session) &&
           settle_predecessor(session) && (!statements_too || prepare_all(session));
}

static int open_with(struct session *session, bool statements_too)
{
    struct troth_postgres *postgres = session->postgres;
    session_close(session);
    session->replaced = postgres->replaced;
    session->connection =
        dial(&postgres->hosts, &postgres->host, &session->watch, session->why, sizeof session->why);
    if (session->connection == NULL)
        return TROTH_ERROR_UNAVAILABLE;
    if (greet(session, statements_too)) {
        watch_set(&session->watch, 0);
        return 0;
    }
    if (session->connection != NULL) /* else it is said */
        session_say(session);
    session_close(session);
    return TROTH_ERROR_UNAVAILABLE;
}

bool session_is_outdated(const struct session *session)
{
    return session->stale || session->replaced != session->postgres->replaced;
}

/* A session that single.c has worked with has timeouts that are too short for all else. false: it
 * is to be opened anew. */
static bool unsettle(struct session *session)
{
    char lock_timeout[LOCK_TIMEOUT_TEXT];
    const char *const values[] = {"0", lock_timeout};
    PGresult *result;
    bool good;
    if (session->brief_lock_ms == 0)
        return true;
    lock_timeout_of(session, lock_timeout);
    session_limit(session, 0);
    result =
        PQexecPrepared(session->connection, sql_name(SQL_BRIEF_SETTINGS), 2, values, NULL, NULL, 0);
    good = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    session->brief_lock_ms = 0;
    return good;
}

int session_open(struct session *session)
{
    if (session->connection != NULL && PQstatus(session->connection) == CONNECTION_OK &&
        !session_is_outdated(session) && unsettle(session))
        return 0;
    return open_with(session, true);
}

int session_open_bare(struct session *session)
{
    return open_with(session, false);
}

void session_complain(struct session *session, enum troth_severity severity, const char *event,
                      const char *format, ...)
{
    struct troth_postgres *postgres = session->postgres;
    char gtid[TROTH_GTID_TEXT_LEN + 1] = "-";
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    if (session->branch != 0)
        troth_gtid_format(&session->gtid, gtid);
    pthread_mutex_lock(&postgres->saying);
    if (postgres->participant != NULL) {
        participant_say(postgres->participant, severity, "event=%s gtid=%s branch=%u attempt=%u %s",
                        event, gtid, session->branch, session->attempt, line);
    }
    pthread_mutex_unlock(&postgres->saying);
}

static void note_cut(struct session *session)
{
    session->cut = true;
    if (session->backend.pid[0] != '\0')
        session->left = session->backend;
    if (!watch_is_ended(&session->watch)) {
        session_complain(session, TROTH_SEVERITY_WARNING, "connection_cut",
                         "backend=%s reason=\"the database did not answer in time\"",
                         session->backend.pid);
    }
}

void session_close(struct session *session)
{
    watch_close(&session->watch);
    if (session->connection != NULL && watch_is_cut(&session->watch))
        note_cut(session);
    PQfinish(session->connection); /* takes NULL */
    session->connection = NULL;
    session->stale = false;
    session->brief_lock_ms = 0;
    while (session->queries_count > 0)
        free(session->queries[--session->queries_count]);
}
