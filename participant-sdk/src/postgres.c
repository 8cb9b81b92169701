/* postgres.c: making and starting the PostgreSQL resource; commands to their pools. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "dial.h"
#include "pg.h"
#include "sized.h"

#define LOCK_TIMEOUT_DEFAULT_US   UINT64_C(1000000)
#define GUARD_TIMEOUT_DEFAULT_US  UINT64_C(200000)
#define ANSWER_TIMEOUT_DEFAULT_US UINT64_C(10000000)
#define WORK_TIMEOUT_DEFAULT_US   UINT64_C(300000000)
#define STOP_TIMEOUT_DEFAULT_US   UINT64_C(5000000)
#define LOOK_MS                   250 /* so often late answers are looked for */
#define SCAN_INTERVAL_DEFAULT_US  UINT64_C(5000000)
#define SWEEP_INTERVAL_DEFAULT_US UINT64_C(60000000)
#define OUTPUTS_DEFAULT           4096u
#define OUTPUTS_MAX               1000000u

/* --- commands --------------------------------------------------------------------------------- */

static void give(struct pool *pool, const struct pg_operation *operation, struct troth_reply *task,
                 void (*run)(struct session *, struct troth_reply *))
{
    if (pool == NULL) {
        troth_reply_retry(task, 0, "the participant has not been started");
        return;
    }
    task->operation = operation;
    task->run = run;
    pool_give(pool, task);
}

static void on_work(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct pg_operation *operation = arg;

    (void)call;
    if (operation->is.work == NULL) {
        task_reply_no_operation(reply, "the operation only compensates here");
        return;
    }
    reply->operation = operation;
    if (single_run(operation->postgres, reply)) {
        return;
    }
    give(operation->postgres->phase1, operation, reply,
         operation->is.read_only ? read_only_run : phase1_run);
}

static void on_commit(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct pg_operation *operation = arg;

    (void)call;
    if (operation->postgres->committer == NULL || operation->is.read_only) {
        give(operation->postgres->phase2, operation, reply, commit_run);
        return;
    }
    reply->operation = operation;
    committer_commit(operation->postgres->committer, reply);
}

static void on_abort(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct pg_operation *operation = arg;

    (void)call;
    give(operation->postgres->phase2, operation, reply, abort_run);
}

static void on_compensate(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct pg_operation *operation = arg;

    (void)call;
    give(operation->postgres->phase2, operation, reply, compensate_run);
}

static void on_status(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct pg_operation *operation = arg;

    (void)call;
    give(operation->postgres->phase2, operation, reply, status_run);
}

/* In the place of all of them once the resource is gone. */
static void on_ended(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_retry(reply, 0, "the participant is shutting down");
}

void operation_free(struct pg_operation *operation)
{
    pg_statement_finish(&operation->statement);
    pg_statement_finish(&operation->undo);
    free(operation);
}

/* At most one of each, and at least one of all. */
static bool handler_valid(const struct troth_postgres_operation *handler)
{
    const bool acts = handler->work != NULL || handler->statement != NULL;
    const bool undoes = handler->compensate != NULL || handler->undo != NULL;

    return (acts || undoes) && (handler->work == NULL || handler->statement == NULL) &&
           (handler->compensate == NULL || handler->undo == NULL) &&
           (handler->statement == NULL || !handler->read_only);
}

/* A statement is a function, too, where it is not sent by itself. */
static int operation_fill(struct pg_operation *made, const struct troth_postgres_operation *handler)
{
    int error = 0;

    made->is = *handler;
    made->work_arg = made->undo_arg = handler->arg;
    if (handler->statement != NULL) {
        error = pg_statement_copy(&made->statement, handler->statement);
        made->is.work = pg_statement_work;
        made->work_arg = &made->statement;
        made->is.queries_only = true;
    }
    if (error == 0 && handler->undo != NULL) {
        error = pg_statement_copy(&made->undo, handler->undo);
        made->is.compensate = pg_statement_work;
        made->undo_arg = &made->undo;
    }
    made->is.statement = made->is.undo = NULL; /* the caller's */
    return error;
}

int troth_postgres_handle(struct troth_postgres *postgres, const char *operation,
                          const struct troth_postgres_operation *handler)
{
    static const struct troth_handlers handlers = {
        TROTH_HANDLERS_INIT, .prepare = on_work,          .commit = on_commit, .abort = on_abort,
        .execute = on_work,  .compensate = on_compensate, .status = on_status,
    };
    struct troth_postgres_operation taken;
    struct pg_operation *made;
    int error = SIZED_TAKE(&taken, handler, struct troth_postgres_operation, work);

    if (error != 0 || postgres == NULL || !handler_valid(&taken)) {
        return TROTH_ERROR_INVALID;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    made->postgres = postgres;
    error = operation_fill(made, &taken);
    if (error == 0) {
        error = troth_participant_handle(postgres->participant, operation, &handlers, made);
    }
    if (error != 0) {
        operation_free(made);
        return error;
    }
    made->next = postgres->operations;
    postgres->operations = made;
    return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static void on_news(void *arg, enum server_news news)
{
    struct troth_postgres *postgres = arg;

    (void)news; /* both mean: ask about everything, now */
    troth_postgres_scan(postgres);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct troth_postgres *postgres = arg;
    const uint64_t now_us = task_now_us();

    (void)fd;
    (void)what;
    pool_look(postgres->phase1, now_us);
    pool_look(postgres->phase2, now_us);
    committer_look(postgres->committer, now_us);
}

static void look_from_now_on(struct troth_postgres *postgres, struct event_base *base)
{
    const struct timeval every = {.tv_usec = LOOK_MS * 1000};

    if (postgres->look != NULL) {
        return;
    }
    postgres->look = event_new(base, -1, EV_PERSIST, on_look, postgres);
    if (postgres->look == NULL || event_add(postgres->look, &every) != 0) {
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR, "event=no_look reason=memory");
    }
}

static void on_attached(void *arg, struct event_base *base)
{
    struct troth_postgres *postgres = arg;

    postgres->base = base;
    if (postgres->phase2 != NULL) {
        look_from_now_on(postgres, base);
        committer_attached(postgres->committer, base);
        scan_attached(postgres->scan, base);
        sweep_attached(postgres->sweep, base);
        waits_attached(postgres->waits, base);
    }
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static bool config_valid(const struct troth_postgres_config *config)
{
    return config->conninfo != NULL && config->slots <= PG_CONNECTIONS_MAX &&
           config->phase2_connections <= PG_CONNECTIONS_MAX &&
           config->cached_outputs <= OUTPUTS_MAX;
}

static int fill(struct troth_postgres *made, const struct troth_postgres_config *config)
{
    int error;

    made->slots = (uint32_t)or_default(config->slots, TROTH_SLOTS_DEFAULT);
    made->phase2_connections =
        (uint32_t)or_default(config->phase2_connections, TROTH_POSTGRES_PHASE2_DEFAULT);
    made->lock_timeout_us = or_default(config->lock_timeout_us, LOCK_TIMEOUT_DEFAULT_US);
    made->guard_timeout_us = or_default(config->guard_timeout_us, GUARD_TIMEOUT_DEFAULT_US);
    made->answer_timeout_us = or_default(config->answer_timeout_us, ANSWER_TIMEOUT_DEFAULT_US);
    made->work_timeout_us = or_default(config->work_timeout_us, WORK_TIMEOUT_DEFAULT_US);
    made->stop_timeout_us = or_default(config->stop_timeout_us, STOP_TIMEOUT_DEFAULT_US);
    made->scan_interval_us = or_default(config->scan_interval_us, SCAN_INTERVAL_DEFAULT_US);
    made->sweep_interval_us = or_default(config->sweep_interval_us, SWEEP_INTERVAL_DEFAULT_US);
    made->conninfo = strdup(config->conninfo);
    made->coordinator = config->coordinator == NULL ? NULL : strdup(config->coordinator);
    made->resolver = config->resolver == NULL ? NULL : strdup(config->resolver);
    if (made->conninfo == NULL || (config->coordinator != NULL && made->coordinator == NULL) ||
        (config->resolver != NULL && made->resolver == NULL)) {
        return TROTH_ERROR_NO_MEMORY;
    }
    error = hosts_init(&made->hosts, made->conninfo);
    if (error == 0) {
        error = outputs_create((uint32_t)or_default(config->cached_outputs, OUTPUTS_DEFAULT),
                               &made->outputs);
    }
    if (error == 0) {
        error = scan_create(made, &made->scan);
    }
    if (error == 0) {
        error = sweep_create(made, &made->sweep);
    }
    if (error == 0) {
        error = waits_create(made, &made->waits);
    }
    if (error == 0) {
        error = turns_create(made->slots, &made->turns);
    }
    return error;
}

int troth_postgres_create(struct troth_participant *participant,
                          const struct troth_postgres_config *config,
                          struct troth_postgres **ret_postgres)
{
    /* What became of a branch stands in the database, whichever replica worked on it: it ends here
     * also where the operation is not, or nowhere (a misspelt one would be told for ever). */
    static const struct troth_handlers others = {TROTH_HANDLERS_INIT, .commit = on_commit,
                                                 .abort = on_abort, .compensate = on_compensate,
                                                 .status = on_status};
    struct troth_postgres_config taken;
    struct troth_postgres *made;
    int error = SIZED_TAKE(&taken, config, struct troth_postgres_config, conninfo);

    if (error != 0 || participant == NULL || !config_valid(&taken) || ret_postgres == NULL) {
        return TROTH_ERROR_INVALID;
    }
    if (participant->resource != NULL) {
        return TROTH_ERROR_EXISTS;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    made->participant = participant;
    made->others.postgres = made;
    (void)pthread_mutex_init(&made->saying, NULL); /* never fails with default attributes */
    error = fill(made, &taken);
    if (error != 0) {
        (void)troth_postgres_destroy(made);
        return error;
    }
    participant_set_slots(participant, made->slots);
    participant->resource = made;
    participant->news = on_news;
    participant->attached = on_attached;
    participant->others = others;
    participant->resource_others = &made->others;
    *ret_postgres = made;
    return 0;
}

/* --- starting --------------------------------------------------------------------------------- */

static int check_prepared(const struct troth_postgres *postgres, PGconn *connection, char *ret_why,
                          size_t why_cap)
{
    PGresult *result = dial_ask(connection, SQL_MAX_PREPARED, NULL);
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    const unsigned long max = answered ? strtoul(PQgetvalue(result, 0, 0), NULL, 10) : 0;

    PQclear(result);
    if (!answered) {
        (void)snprintf(ret_why, why_cap, "%s", dial_why(connection));
        return TROTH_ERROR_UNAVAILABLE;
    }
    if (max >= postgres->slots) {
        participant_set_places(postgres->participant, (uint32_t)max);
        return 0;
    }
    (void)snprintf(ret_why, why_cap,
                   "max_prepared_transactions is %lu and this participant announces %u slots: set"
                   " max_prepared_transactions = %u or more in postgresql.conf and restart the"
                   " server",
                   max, postgres->slots, 2 * postgres->slots);
    return TROTH_ERROR_CONFIG;
}

/* Puts a mark on the session behind `connection` and gives the one that it had. */
static int mark_session(PGconn *connection, const char *mark, char *ret_before, size_t before_cap,
                        char *ret_why, size_t why_cap)
{
    PGresult *result = dial_ask(connection, SQL_MARK_SESSION, mark);
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;

    (void)snprintf(ret_before, before_cap, "%s", answered ? PQgetvalue(result, 0, 0) : "");
    if (!answered) {
        (void)snprintf(ret_why, why_cap, "%s", dial_why(connection));
    }
    PQclear(result);
    return answered ? 0 : TROTH_ERROR_UNAVAILABLE;
}

/* Statements, settings and the locks that a branch is ended by belong to a session. A pooler in
 * transaction mode gives the other connection the session that the first one has just marked, or
 * the first one another's. */
static int check_sessions(PGconn *connection, PGconn *other, char *ret_why, size_t why_cap)
{
    char first[48], second[48], before[48], after[48];
    int error;

    (void)snprintf(first, sizeof first, "1 %ld %" PRIu64, (long)getpid(), task_now_us());
    (void)snprintf(second, sizeof second, "2 %ld %" PRIu64, (long)getpid(), task_now_us());
    error = mark_session(connection, first, before, sizeof before, ret_why, why_cap);
    if (error == 0) {
        error = mark_session(other, second, before, sizeof before, ret_why, why_cap);
    }
    if (error == 0) {
        error = mark_session(connection, "", after, sizeof after, ret_why, why_cap);
    }
    if (error != 0 || (strcmp(before, first) != 0 && strcmp(after, first) == 0)) {
        return error;
    }
    (void)snprintf(ret_why, why_cap,
                   "the database's sessions are shared with other clients: a pooler in transaction"
                   " mode stands before it. Give the participant sessions of its own (PgBouncer:"
                   " pool_mode=session for this database), or connect directly");
    return TROTH_ERROR_CONFIG;
}

static int check_database(struct troth_postgres *postgres, char *ret_why, size_t why_cap)
{
    PGconn *connection = dial(&postgres->hosts, &postgres->host, NULL, ret_why, why_cap);
    PGconn *other = NULL;
    int error = TROTH_ERROR_UNAVAILABLE;

    if (connection != NULL) {
        other = dial(&postgres->hosts, &postgres->host, NULL, ret_why, why_cap);
    }
    if (other != NULL) {
        error = check_sessions(connection, other, ret_why, why_cap);
    }
    if (error == 0) {
        error = check_prepared(postgres, connection, ret_why, why_cap);
    }
    if (error == 0) {
        error = schema_check(connection, ret_why, why_cap);
    }
    PQfinish(other); /* takes NULL */
    PQfinish(connection);
    return error;
}

int troth_postgres_start(struct troth_postgres *postgres, char *ret_why, size_t why_cap)
{
    char own[512];
    char *why = ret_why == NULL || why_cap == 0 ? own : ret_why;
    const size_t cap = why == own ? sizeof own : why_cap;
    int error;

    why[0] = '\0';
    if (postgres->phase1 != NULL) {
        (void)snprintf(why, cap, "started already");
        return TROTH_ERROR_EXISTS;
    }
    error = check_database(postgres, why, cap);
    if (error != 0) {
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=start_failed reason=\"%s\"", why);
        return error;
    }
    error = pool_create(postgres, postgres->phase2_connections, &postgres->phase2);
    if (error == 0) {
        error = pool_create(postgres, postgres->slots, &postgres->phase1);
    }
    if (error == 0) {
        error = committer_create(postgres, postgres->phase2_connections, &postgres->committer);
    }
    if (error != 0) {
        (void)snprintf(why, cap, "can not start the connections' threads");
        postgres_end_pools(postgres, UINT64_MAX); /* they have nothing to do */
        return error;
    }
    if (postgres->participant->event_base != NULL) {
        on_attached(postgres, postgres->participant->event_base);
    }
    return 0;
}

void troth_postgres_scan(struct troth_postgres *postgres)
{
    if (postgres != NULL) {
        scan_now(postgres->scan);
    }
}

/* The participant may live on: it must not refuse for good what another process can do. */
void postgres_detach(struct troth_postgres *postgres)
{
    static const struct troth_handlers ended = {
        TROTH_HANDLERS_INIT, .prepare = on_ended,    .commit = on_ended, .abort = on_ended,
        .execute = on_ended, .compensate = on_ended, .status = on_ended};
    struct troth_participant *participant = postgres->participant;
    uint32_t i;

    if (participant->resource == postgres) {
        participant->others = ended;
        participant->resource_others = NULL;
        participant->news = NULL;
        participant->attached = NULL;
        participant->resource = NULL;
    }
    for (i = 0; i < participant->operations_count; i++) {
        struct operation *operation = participant->operations[i];

        if (operation->handlers.prepare == on_work &&
            ((struct pg_operation *)operation->arg)->postgres == postgres) {
            operation->handlers = ended;
            operation->arg = NULL;
        }
    }
}
