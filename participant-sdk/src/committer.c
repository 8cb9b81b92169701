/* committer.c: COMMIT PREPARED on the loop's own thread, without waiting.
 *
 * It is one short statement, so that handing it to a thread and back would cost more than it does.
 * Only the plain case is done here: sent on an idle connection, answered COMMIT PREPARED, the
 * output in memory. Whatever else comes up goes to a thread and commit_run(), which may safely say
 * the same once more. Connections are opened by a thread, too, one at a time and when one is
 * missing; each has one statement under way, since each waits for a flush of its own. */
#include "committer.h"

#include <assert.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "connection.h"
#include "guard.h"
#include "inbound.h"
#include "inside.h"
#include "outputs.h"
#include "phase2.h"
#include "pool.h"
#include "reply.h"
#include "resource.h"
#include "task.h"
#include "watch.h"

struct commit_lane {
    struct committer *committer;
    struct session session; /* while it is being opened, the thread's */
    struct event *readable;
    struct troth_reply *task; /* under way; NULL: idle */
    bool committed;           /* its result has come, and is the one that was hoped for */
    struct commit_lane *next_idle;
};

struct committer {
    struct troth_postgres *postgres;
    struct event_base *base;
    uint32_t count;
    uint32_t opened; /* lanes in use, the first ones; a lane that broke is opened again */
    struct commit_lane *opening;
    struct commit_lane *idle;   /* the last one used first */
    struct commit_lane *broken; /* to be opened again */
    struct commit_lane *lanes;
    struct troth_reply *first; /* waiting; bounded by the participant's pending_max */
    struct troth_reply **last;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void give_to_thread(struct committer *committer, struct troth_reply *task)
{
    task->run = commit_run;
    pool_give(committer->postgres->phase2, task);
}

static void give_waiting_to_threads(struct committer *committer)
{
    while (committer->first != NULL) {
        struct troth_reply *task = committer->first;

        committer->first = task->next;
        give_to_thread(committer, task);
    }
    committer->last = &committer->first;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void lane_break(struct commit_lane *lane)
{
    struct committer *committer = lane->committer;
    if (lane->readable != NULL) {
        event_free(lane->readable);
        lane->readable = NULL;
    }
    session_close(&lane->session);
    lane->next_idle = committer->broken;
    committer->broken = lane;
    give_waiting_to_threads(committer); /* the other lanes may break, too */
}

/* On a thread, which gives its own connection nothing to do. */
static void open_run(struct session *session, struct troth_reply *task)
{
    struct commit_lane *lane = task->done_arg;
    const struct troth_span none = {NULL, 0};
    (void)session;
    if (session_open_bare(&lane->session) == 0)
        troth_reply_done(task, TROTH_BRANCH_UNSAID, none);
    else
        troth_reply_retry(task, 0, lane->session.why);
}

static void lane_free(struct commit_lane *lane);

static void on_opened(void *arg, const struct result *result)
{
    struct commit_lane *lane = arg;
    struct committer *committer = lane->committer;
    committer->opening = NULL;
    if (result->result == RESULT_DONE && PQsetnonblocking(lane->session.connection, 1) == 0) {
        lane->readable = event_new(committer->base, watch_socket(&lane->session.watch),
                                   EV_READ | EV_PERSIST, on_readable, lane);
    }
    if (lane->readable == NULL || event_add(lane->readable, NULL) != 0) {
        lane_break(lane);
        return;
    }
    lane_free(lane);
}

static void open_one(struct committer *committer)
{
    const struct command command = {.op = OP_COMMIT, .operation = {"", 0}};
    struct commit_lane *lane = committer->broken;
    struct troth_reply *task;
    if (committer->opening != NULL || (lane == NULL && committer->opened == committer->count))
        return;
    task = task_create(committer->postgres->participant->mailbox, &command, "", task_now_us());
    if (task == NULL)
        return; /* the next commit tries again */
    if (lane != NULL)
        committer->broken = lane->next_idle;
    else
        lane = &committer->lanes[committer->opened++];
    committer->opening = lane;
    task->done = on_opened;
    task->done_arg = lane;
    task->run = open_run;
    pool_give(committer->postgres->phase2, task);
}

/* --- committing ------------------------------------------------------------------------------- */

static void lane_send(struct commit_lane *lane, struct troth_reply *task)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    char text[GUARD_TEXT_BYTES];
    assert(lane->task == NULL);
    guard_prepared_name(&task->call, task->call.attempt, name);
    guard_say_prepared("COMMIT PREPARED", name, text);
    session_unwarn(&lane->session);
    CRASH_POINT("committer.commit");
    if (PQsendQuery(lane->session.connection, text) != 1 ||
        PQflush(lane->session.connection) != 0) {
        lane_break(lane);
        give_to_thread(lane->committer, task);
        return;
    }
    session_note_call(&lane->session, &task->call);
    session_limit(&lane->session, 0);
    lane->task = task;
    lane->committed = false;
    CRASH_POINT("committer.sent");
}

/* The lane has nothing to do: the next task, or none. */
static void lane_free(struct commit_lane *lane)
{
    struct committer *committer = lane->committer;
    struct troth_reply *task = committer->first;
    if (task == NULL) {
        lane->next_idle = committer->idle;
        committer->idle = lane;
        return;
    }
    committer->first = task->next;
    if (committer->first == NULL)
        committer->last = &committer->first;
    lane_send(lane, task);
}

void committer_commit(struct committer *committer, struct troth_reply *task)
{
    struct commit_lane *lane = committer->idle;
    if (lane != NULL) {
        committer->idle = lane->next_idle;
        lane_send(lane, task);
        return;
    }
    open_one(committer);
    if (committer->opening != NULL || committer->broken != NULL || committer->opened == 0) {
        give_to_thread(committer, task);
        return;
    }
    task->next = NULL;
    *committer->last = task;
    committer->last = &task->next;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer(struct commit_lane *lane, struct troth_reply *task, bool committed)
{
    struct troth_participant *participant = lane->committer->postgres->participant;
    struct troth_span output;
    char *memory;
    if (!committed) {
        give_to_thread(lane->committer, task);
        return;
    }
    if (lane->session.warned) { /* nobody knows what the commit waited for */
        task_set_sink(participant->mailbox, inbound_deliver, participant);
        troth_reply_unknown(task, lane->session.why);
        task_set_sink(NULL, NULL, NULL);
        return;
    }
    if (!outputs_take(lane->committer->postgres->outputs, &task->call, &memory, &output)) {
        give_to_thread(lane->committer, task);
        return;
    }
    task_set_sink(participant->mailbox, inbound_deliver, participant);
    troth_reply_done(task, TROTH_BRANCH_COMMITTED, output);
    task_set_sink(NULL, NULL, NULL);
    free(memory);
}

static void lane_note(struct commit_lane *lane, PGresult *result)
{
    lane->committed = PQresultStatus(result) == PGRES_COMMAND_OK &&
                      strcmp(PQcmdStatus(result), "COMMIT PREPARED") == 0;
    PQclear(result);
}

/* All of the answer has come. */
static void lane_answered(struct commit_lane *lane)
{
    struct troth_reply *task = lane->task;
    CRASH_POINT("committer.committed");
    lane->task = NULL;
    session_end_task(&lane->session);
    answer(lane, task, lane->committed);
    if (PQstatus(lane->session.connection) == CONNECTION_OK && !lane->session.stale)
        lane_free(lane);
    else
        lane_break(lane);
}

static void lane_unlink_idle(struct commit_lane *lane)
{
    struct commit_lane **at = &lane->committer->idle;
    while (*at != NULL && *at != lane)
        at = &(*at)->next_idle;
    if (*at != NULL)
        *at = lane->next_idle;
}

static void lane_read(struct commit_lane *lane)
{
    PGconn *connection = lane->session.connection;
    struct troth_reply *task = lane->task;
    if (PQconsumeInput(connection) != 1) {
        lane->task = NULL;
        lane_unlink_idle(lane);
        lane_break(lane);
        if (task != NULL)
            give_to_thread(lane->committer, task);
        return;
    }
    while (task != NULL && PQisBusy(connection) == 0) {
        PGresult *result = PQgetResult(connection);

        if (result == NULL) {
            lane_answered(lane);
            return;
        }
        lane_note(lane, result);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct commit_lane *lane = arg;
    (void)fd;
    (void)what;
    lane_read(lane);
    inbound_flush_all(lane->committer->postgres->participant);
}

void committer_look(struct committer *committer, uint64_t now_us)
{
    uint32_t i;
    for (i = 0; i < committer->opened; i++)
        watch_look(&committer->lanes[i].session.watch, now_us);
}

/* --- life ------------------------------------------------------------------------------------- */

int committer_create(struct troth_postgres *postgres, uint32_t connections,
                     struct committer **ret_committer)
{
    struct committer *committer = calloc(1, sizeof *committer);
    uint32_t i;
    if (committer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    committer->postgres = postgres;
    committer->count = connections;
    committer->last = &committer->first;
    committer->lanes = calloc(connections, sizeof *committer->lanes);
    if (committer->lanes == NULL) {
        free(committer);
        return TROTH_ERROR_NO_MEMORY;
    }
    for (i = 0; i < connections; i++) {
        committer->lanes[i].committer = committer;
        session_init(&committer->lanes[i].session, postgres);
    }
    *ret_committer = committer;
    return 0;
}

void committer_attached(struct committer *committer, struct event_base *base)
{
    committer->base = base;
}

/* Waits for the lanes that have something under way, and reads what has come. false: there is none
 * any more. */
static bool read_lanes(struct committer *committer, struct pollfd *at, int wait_ms)
{
    uint32_t i, n = 0;
    for (i = 0; i < committer->opened; i++) {
        if (committer->lanes[i].task != NULL) {
            at[n++] = (struct pollfd){.fd = PQsocket(committer->lanes[i].session.connection),
                                      .events = POLLIN};
        }
    }
    if (n == 0)
        return false;
    (void)poll(at, n, wait_ms);
    for (i = 0, n = 0; i < committer->opened; i++)
        if (committer->lanes[i].task != NULL && at[n++].revents != 0)
            lane_read(&committer->lanes[i]);
    return true;
}

/* What waits goes to the threads; what is under way is waited for. */
void committer_close(struct committer *committer, uint64_t until_us)
{
    struct pollfd *at;
    uint64_t now_us;
    if (committer == NULL)
        return;
    give_waiting_to_threads(committer);
    at = calloc(committer->opened + 1, sizeof *at);
    while (at != NULL && (now_us = task_now_us()) < until_us &&
           read_lanes(committer, at, (int)((until_us - now_us) / 1000 + 1))) {
    }
    free(at);
}

void committer_cut(struct committer *committer)
{
    uint32_t i;
    for (i = 0; committer != NULL && i < committer->opened; i++) {
        struct commit_lane *lane = &committer->lanes[i];
        struct troth_reply *task = lane->task;

        watch_end(&lane->session.watch);
        if (task != NULL) {
            lane->task = NULL;
            troth_reply_unknown(task, "the participant is shutting down");
        }
    }
}

void committer_leave(struct committer *committer)
{
    uint32_t i;
    for (i = 0; committer != NULL && i < committer->opened; i++) {
        if (committer->lanes[i].readable != NULL) {
            event_free(committer->lanes[i].readable);
            committer->lanes[i].readable = NULL;
        }
    }
}

void committer_destroy(struct committer *committer)
{
    uint32_t i;
    if (committer == NULL)
        return;
    committer_leave(committer);
    for (i = 0; i < committer->count; i++)
        session_finish(&committer->lanes[i].session);
    free(committer->lanes);
    free(committer);
}
