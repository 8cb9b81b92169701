/* operations.c: the operations that are registered, and the way of their commands to the pools. */
#include "operations.h"

#include <stdlib.h>
#include <string.h>

#include "committer.h"
#include "inside.h"
#include "participant.h"
#include "phase1.h"
#include "phase2.h"
#include "pool.h"
#include "reply.h"
#include "resource.h"
#include "single.h"
#include "sized.h"
#include "statement.h"
#include "task.h"

static void give(struct pool *pool, struct pg_operation *operation, struct troth_reply *task,
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
    if (single_run(operation->postgres, reply))
        return;
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

void operations_for_others(struct troth_postgres *postgres)
{
    static const struct troth_handlers others = {
        .commit = on_commit, .abort = on_abort, .compensate = on_compensate, .status = on_status};
    postgres->others.postgres = postgres;
    postgres->participant->others = others;
    postgres->participant->resource_others = &postgres->others;
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
           (handler->compensate == NULL || handler->undo == NULL);
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

static int operation_make(struct troth_postgres *postgres,
                          const struct troth_postgres_operation *handler,
                          struct pg_operation **ret_made)
{
    struct troth_postgres_operation taken;
    struct pg_operation *made;
    int error = SIZED_TAKE(&taken, handler, struct troth_postgres_operation, work);
    if (error != 0 || !handler_valid(&taken))
        return TROTH_ERROR_INVALID;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->postgres = postgres;
    error = operation_fill(made, &taken);
    if (error != 0) {
        operation_free(made);
        return error;
    }
    *ret_made = made;
    return 0;
}

/* Takes it. */
static int enter(struct troth_postgres *postgres, const char *name, struct pg_operation *made)
{
    static const struct troth_handlers handlers = {
        TROTH_HANDLERS_INIT, .prepare = on_work,          .commit = on_commit, .abort = on_abort,
        .execute = on_work,  .compensate = on_compensate, .status = on_status,
    };
    int error = troth_participant_handle(postgres->participant, name, &handlers, made);
    if (error != 0) {
        operation_free(made);
        return error;
    }
    made->next = postgres->operations;
    postgres->operations = made;
    return 0;
}

int troth_postgres_handle(struct troth_postgres *postgres, const char *operation,
                          const struct troth_postgres_operation *handler)
{
    struct pg_operation *made;
    int error = postgres == NULL ? TROTH_ERROR_INVALID : operation_make(postgres, handler, &made);
    return error == 0 ? enter(postgres, operation, made) : error;
}

/* One of this resource's is there; false also of a handler of the service's own. */
static bool is_ours(const struct troth_postgres *postgres, struct troth_span name)
{
    const struct operation *there = participant_operation(postgres->participant, name);
    return there != NULL && there->handlers.prepare == on_work &&
           ((const struct pg_operation *)there->arg)->postgres == postgres;
}

/* Commands under way still have the one that was there: it goes with the resource. */
int troth_postgres_replace(struct troth_postgres *postgres, const char *operation,
                           const struct troth_postgres_operation *handler)
{
    const struct troth_span name = {operation, operation == NULL ? 0 : strlen(operation)};
    struct pg_operation *made = NULL;
    int error;
    if (postgres == NULL || operation == NULL)
        return TROTH_ERROR_INVALID;
    if (!is_ours(postgres, name))
        return handler == NULL ? TROTH_ERROR_NOT_FOUND
                               : troth_postgres_handle(postgres, operation, handler);
    error = handler == NULL ? 0 : operation_make(postgres, handler, &made);
    if (error != 0)
        return error;
    if (made == NULL) {
        participant_forget(postgres->participant, name);
    } else {
        participant_hand(postgres->participant, name, made);
        made->next = postgres->operations;
        postgres->operations = made;
    }
    postgres->replaced++;
    return 0;
}

/* The participant may live on: it must not refuse for good what another process can do. */
void operations_detach(struct troth_postgres *postgres)
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
