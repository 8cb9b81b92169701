/* single.c: prepare and execute of an operation that is a statement, in a single message and on the
 * loop's thread, without waiting.
 *
 *   BEGIN, settings, the statement and behind it the guard row with its output, PREPARE or COMMIT
 *
 * Where the row finds no place, or the statement fails or gives nothing, the server skips what is
 * behind [ROWORNOTHING]. So nothing stands between the lock on a row that others want and its
 * transaction's end but the server's own work; and no thread has to be woken. Only the plain case
 * is done here: an attempt that has none below it, on an idle connection, answered as was hoped
 * for. Whatever else comes up goes, with the connection as it is, to the connection's thread, which
 * begins again with the guard row before the work (phase1_go_on()). */
#include "single.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "connection.h"
#include "guard.h"
#include "inbound.h"
#include "inside.h"
#include "outputs.h"
#include "phase1.h"
#include "pool.h"
#include "query.h"
#include "reply.h"
#include "resource.h"
#include "session.h"
#include "sql.h"
#include "statement.h"
#include "task.h"
#include "waits.h"
#include "watch.h"

/* Larger inputs, with the hash that is taken of them, go the way of functions. */
#define INPUT_BYTES_MAX 16384u
/* A command that may wait for locks no longer than half of this is brief: it is cut off behind it,
 * and begun again in a transaction of its own kind. So its session need not be known by its name:
 * who comes to end it, and does not find it, would wait as long for its row. */
#define BRIEF_MS 250u
/* An operation that was not brief once is not tried so for so many commands. */
#define NOT_BRIEF 100u

/* --- the connection between the loop and its thread ------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg);

static bool listen_to(struct session *session)
{
    struct single *single = &session->single;
    struct event_base *base = session->postgres->base;
    const evutil_socket_t fd = watch_socket(&session->watch);
    if (single->listens)
        return true;
    if (fd < 0) /* a stop has ended it */
        return false;
    if (single->readable == NULL)
        single->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, session);
    else if (event_assign(single->readable, base, fd, EV_READ | EV_PERSIST, on_readable, session) !=
             0)
        return false;
    single->listens = single->readable != NULL && event_add(single->readable, NULL) == 0 &&
                      PQsetnonblocking(session->connection, 1) == 0;
    return single->listens;
}

void single_leave(struct session *session)
{
    struct single *single = &session->single;
    if (!single->listens)
        return;
    (void)event_del(single->readable);              /* fails only where memory is corrupt */
    (void)PQsetnonblocking(session->connection, 0); /* a lost connection is found lost */
    single->listens = false;
}

static void hand_over(struct session *session)
{
    struct single *single = &session->single;
    struct troth_reply *task = single->task;
    if (single->brief && strcmp(session->failed, SQLSTATE_CANCELLED) == 0)
        task->operation->not_brief = NOT_BRIEF;
    single->task = NULL;
    task->run = phase1_go_on;
    pool_hand_over(session, task);
}

void single_finish(struct session *session)
{
    struct single *single = &session->single;
    if (single->task != NULL)
        hand_over(session);
    single_leave(session);
    if (single->readable != NULL) {
        event_free(single->readable);
        single->readable = NULL;
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The statement's own parameters are texts; the guard row's stand behind them. */
static bool send_bound(struct session *session, const char *name, uint32_t count,
                       const struct pg_bound *bound, const struct sql_parameters *row)
{
    enum { MANY = TROTH_POSTGRES_PARAMETERS_MAX + SQL_PARAMETERS_MAX };
    const char *values[MANY];
    int lengths[MANY] = {0}, formats[MANY] = {0};
    memcpy((void *)values, (const void *)bound->values, count * sizeof *values);
    memcpy((void *)(values + count), (const void *)row->values,
           (size_t)row->count * sizeof *values);
    memcpy(lengths + count, row->lengths, (size_t)row->count * sizeof *lengths);
    memcpy(formats + count, row->formats, (size_t)row->count * sizeof *formats);
    return PQsendQueryPrepared(session->connection, name, (int)count + row->count, values, lengths,
                               formats, 0) == 1;
}

/* The statement is prepared where it is not yet, behind BEGIN: a pipeline that is cut off before it
 * leaves it unknown. */
static bool send_statement(struct session *session, const struct pg_statement *statement,
                           const struct pg_bound *bound, const struct sql_parameters *row)
{
    char name[SESSION_QUERY_NAME_BYTES];
    int place = session_query_find(session, statement->whole);
    if (place < 0) {
        place = session->queries_count;
        session->queries[place] = strdup(statement->whole);
        if (session->queries[place] == NULL)
            return false;
        session->queries_count++;
        session->single.parses = true;
    }
    session_query_name(place, name);
    return (!session->single.parses ||
            PQsendPrepare(session->connection, name, statement->whole, 0, NULL) == 1) &&
           send_bound(session, name, statement->parameters.count, bound, row);
}

static bool send_end(struct session *session, const struct troth_reply *task, const char *name)
{
    char text[GUARD_TEXT_BYTES];
    if (task->call.op == TROTH_OP_EXECUTE)
        return session_send_text(session, "COMMIT");
    guard_say_prepared("PREPARE TRANSACTION", name, text);
    return session_send_text(session, text);
}

/* The session keeps its timeouts from one brief command to the next: as long for a lock as this one
 * may wait, or up to an eighth less. */
static bool send_brief_settings(struct session *session, uint32_t lock_ms)
{
    const uint32_t is_ms = session->brief_lock_ms;
    struct sql_parameters settings = {.count = 0};
    char statement[16], lock[16];
    if (is_ms != 0 && is_ms <= lock_ms && is_ms >= lock_ms - lock_ms / 8)
        return true;
    session->single.settles_ms = lock_ms;
    (void)snprintf(statement, sizeof statement, "%u", BRIEF_MS);
    (void)snprintf(lock, sizeof lock, "%u", lock_ms);
    sql_text(&settings, statement);
    sql_text(&settings, lock);
    return session_send(session, SQL_BRIEF_SETTINGS, &settings);
}

static bool send_settings(struct session *session, const struct troth_reply *task,
                          struct guard_row *row)
{
    struct single *single = &session->single;
    const uint64_t lock_ms = guard_lock_left_us(session, task) / 1000 + 1;
    single->brief = task->operation->not_brief == 0 && lock_ms <= BRIEF_MS / 2 &&
                    task_left_us(task) >= BRIEF_MS * UINT64_C(1000);
    if (single->brief)
        return send_brief_settings(session, (uint32_t)lock_ms);
    if (task->operation->not_brief > 0)
        task->operation->not_brief--;
    guard_row_settings(session, task, row);
    return session_send(session, SQL_WORK_SETTINGS, &row->settings);
}

/* false: nobody knows what has left. An idle connection takes so little at once. */
static bool send_all(struct session *session, const struct troth_reply *task,
                     const struct pg_bound *bound, struct guard_row *row)
{
    struct single *single = &session->single;
    if (!session_pipeline_begin(session) || !session_send(session, SQL_BEGIN, NULL) ||
        !send_settings(session, task, row) ||
        !send_statement(session, &task->operation->statement, bound, &row->parameters))
        return false;
    single->row_at =
        1u + (!single->brief || single->settles_ms != 0 ? 1u : 0u) + (single->parses ? 1u : 0u);
    return send_end(session, task, row->prepared) && session_pipeline_send(session) &&
           PQflush(session->connection) == 0;
}

#ifdef TROTH_CRASH_POINTS
static const char *what_ends(unsigned executes)
{
    return executes != 0 ? "execute" : "prepare";
}
#endif

static void begin(struct session *session, struct troth_reply *task, const struct pg_bound *bound,
                  struct guard_row *row)
{
    struct single *single = &session->single;
    single->task = task;
    single->tag = task->call.op == TROTH_OP_EXECUTE ? "COMMIT" : "PREPARE TRANSACTION";
    single->parses = single->parsed = single->said = single->ended = false;
    single->over = single->lost = single->brief = false;
    single->results = single->row_at = 0;
    single->settles_ms = 0;
    buffer_clear(&single->output);
    session_unwarn(session);
    CRASH_POINTS("single.begin", what_ends, 2, task->call.op == TROTH_OP_EXECUTE);
    single->lost = !send_all(session, task, bound, row);
    CRASH_POINTS("single.sent", what_ends, 2, task->call.op == TROTH_OP_EXECUTE);
    session_limit_work(session);
    if (single->lost)
        hand_over(session);
}

static bool is_plain(const struct troth_postgres *postgres, const struct troth_reply *task)
{
    return postgres->phase1 != NULL && postgres->base != NULL && !postgres->closing &&
           task->operation->statement.whole != NULL && !task->operation->is.read_only &&
           task->call.attempt == 1 && task->call.input.len <= INPUT_BYTES_MAX &&
           task_left_us(task) > 0 && !outputs_has(postgres->outputs, &task->call);
}

static bool has_place(const struct session *session, const struct pg_statement *statement)
{
    return session->queries_count < SESSION_QUERIES_MAX ||
           session_query_find(session, statement->whole) >= 0;
}

/* A session that can take it; it is in waits.c's list then. */
static struct session *lend(struct troth_postgres *postgres, struct troth_reply *task)
{
    struct session *session = pool_lend(postgres->phase1, single_leave);
    if (session == NULL)
        return NULL;
    session_begin_task(session, task);
    session_forget(session);
    task->began_us = task_now_us();
    if (!has_place(session, &task->operation->statement) || !listen_to(session) ||
        !waits_try_enter(postgres->waits, session, task)) {
        session_end_task(session);
        pool_give_back(session);
        return NULL;
    }
    return session;
}

bool single_run(struct troth_postgres *postgres, struct troth_reply *task)
{
    struct pg_bound bound = {.values = {NULL}};
    struct session *session = NULL;
    struct guard_row row;
    if (is_plain(postgres, task) && guard_row_behind(task, &row) &&
        pg_bind(&task->operation->statement.parameters, &task->call, &bound) == PG_BIND_DONE)
        session = lend(postgres, task);
    if (session != NULL)
        begin(session, task, &bound, &row);
    buffer_finish(&bound.texts);
    return session != NULL;
}

/* --- results ---------------------------------------------------------------------------------- */

static void take_row(struct session *session, const PGresult *result)
{
    struct sql_error error;
    if (session_judge(session, result, &error) == SQL_OK && PQntuples(result) == 1) {
        buffer_append_text(&session->single.output, PQgetvalue(result, 0, 0));
        session->single.said = true;
        session_unwarn(session); /* what the service's statement warns of is not the end's */
    }
    session_query_noted(session, result);
}

/* Exactly the tag: in a failed transaction these answer ROLLBACK without an error. */
static void take_end(struct session *session, PGresult *result)
{
    struct sql_error error;
    struct single *single = &session->single;
    single->ended = session_judge(session, result, &error) == SQL_OK &&
                    strcmp(PQcmdStatus(result), single->tag) == 0;
    if (single->ended && single->settles_ms != 0)
        session->brief_lock_ms = single->settles_ms;
}

static void take(struct session *session, PGresult *result)
{
    struct single *single = &session->single;
    const unsigned at = single->results++;
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        single->over = true;
    else if (session_is_over(result))
        single->lost = true;
    else if (single->parses && at + 1 == single->row_at)
        single->parsed = PQresultStatus(result) == PGRES_COMMAND_OK;
    else if (at == single->row_at)
        take_row(session, result);
    else if (at == single->row_at + 1)
        take_end(session, result);
}

/* All that is there, or with `waits` all that comes. true: it is over, or lost. */
static bool take_results(struct session *session, bool waits)
{
    struct single *single = &session->single;
    int nulls = 0;
    while (!single->over && !single->lost) {
        PGresult *result;

        if (!waits && PQisBusy(session->connection) != 0)
            return false;
        result = PQgetResult(session->connection);
        nulls = result == NULL ? nulls + 1 : 0;
        if (result != NULL) {
            take(session, result);
            PQclear(result);
        } else {
            single->lost =
                nulls > SESSION_NULLS_MAX || PQstatus(session->connection) != CONNECTION_OK;
        }
    }
    return true;
}

/* A statement that did not come to be prepared is none of the connection's. */
static void forget_unparsed(struct session *session)
{
    if (session->single.parses && !session->single.parsed && session->queries_count > 0)
        free(session->queries[--session->queries_count]);
    session->single.parses = false;
}

void single_wait(struct session *session)
{
    if (!session->single.lost)
        (void)take_results(session, true);
}

bool single_end(struct session *session)
{
    forget_unparsed(session);
    if (session->single.lost || PQexitPipelineMode(session->connection) != 1) {
        session_say(session);
        session_close(session);
        return false;
    }
    return true;
}

/* --- the plain case --------------------------------------------------------------------------- */

static bool went_well(const struct session *session)
{
    const struct single *single = &session->single;
    return single->over && !single->lost && single->said && single->ended && !session->warned &&
           !single->output.failed;
}

static void answer(struct session *session)
{
    struct troth_participant *participant = session->postgres->participant;
    struct troth_reply *task = session->single.task;
    CRASH_POINTS("single.ended", what_ends, 2, task->call.op == TROTH_OP_EXECUTE);
    session->single.task = NULL;
    session->single.parses = false;
    session_end_task(session);
    task_set_sink(participant->mailbox, inbound_deliver, participant);
    phase1_done(session, task, buffer_span(&session->single.output));
    task_set_sink(NULL, NULL, NULL);
    pool_give_back(session);
}

/* It has nothing under way: the server has ended the session, or says something to all. */
static void overhear(struct session *session)
{
    if (PQconsumeInput(session->connection) != 1)
        single_leave(session); /* its thread opens it anew for its next task */
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct session *session = arg;
    struct troth_participant *participant = session->postgres->participant;
    (void)fd;
    (void)what;
    if (session->single.task == NULL) {
        overhear(session);
        return;
    }
    session->single.lost = PQconsumeInput(session->connection) != 1;
    if (!take_results(session, false))
        return;
    if (went_well(session) && PQexitPipelineMode(session->connection) == 1 &&
        waits_try_leave(session->postgres->waits, session)) {
        answer(session);
        inbound_flush_all(participant);
    } else {
        hand_over(session);
    }
}
