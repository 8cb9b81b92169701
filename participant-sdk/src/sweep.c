/* sweep.c: guard rows leave once their shard's oldest open gtid has passed them (protocol.md,
 * section 3): when the guard is asked to forget them. How is written in 0011_forget.sql. Nothing is
 * done while no mark moves. */
#include "sweep.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <base/now.h>

#include "connection.h"
#include "inside.h"
#include "pool.h"
#include "resource.h"
#include "say.h"
#include "session.h"
#include "sql.h"
#include "task.h"

/* Guard rows deleted by one statement; the sweep repeats it until fewer are found. */
#define SWEEP_ROWS_MAX 10000

struct marks {
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    uint64_t moved[TROTH_SHARDS_MAX]; /* as requests have shown them; 0: not yet */
    bool due;                         /* the guard has not done all that follows from these */
};

struct sweep {
    struct troth_postgres *postgres;
    struct event *timer;
    bool running;
    struct marks *marks[TROTH_JOURNALS_MAX];
    /* The thread's while `running`. */
    struct marks *now;
    uint32_t next; /* journal whose turn it is */
};

int sweep_create(struct troth_postgres *postgres, struct sweep **ret_sweep)
{
    struct sweep *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL)
        return TROTH_ERROR_NO_MEMORY;
    sweep->postgres = postgres;
    *ret_sweep = sweep;
    return 0;
}

void sweep_leave(struct sweep *sweep)
{
    if (sweep->timer != NULL) {
        event_free(sweep->timer);
        sweep->timer = NULL;
    }
}

void sweep_destroy(struct sweep *sweep)
{
    uint32_t i;
    if (sweep == NULL)
        return;
    sweep_leave(sweep);
    for (i = 0; i < TROTH_JOURNALS_MAX; i++)
        free(sweep->marks[i]);
    free(sweep);
}

/* --- on a phase-2 thread ---------------------------------------------------------------------- */

/* {1,2} of the shards, and of their marks. */
static void arrays(const uint64_t *orderings, struct buffer *shards, struct buffer *values)
{
    uint32_t i;
    buffer_append_char(shards, '{');
    buffer_append_char(values, '{');
    for (i = 0; i < TROTH_SHARDS_MAX; i++) {
        if (orderings[i] == 0)
            continue;
        if (shards->len > 1) {
            buffer_append_char(shards, ',');
            buffer_append_char(values, ',');
        }
        buffer_append_uint(shards, i);
        buffer_append_uint(values, orderings[i]);
    }
    buffer_append_char(shards, '}');
    buffer_append_char(values, '}');
}

/* A mark is as old as the run before this one when rows below it leave, so that an insert that
 * still saw the mark before has ended by then. */
static uint64_t every_us(const struct troth_postgres *postgres)
{
    return postgres->sweep_interval_us - postgres->sweep_interval_us / 4;
}

/* false: session->why. */
static bool forget(struct session *session, const struct marks *marks, long *ret_gone,
                   bool *ret_owed)
{
    struct buffer shards BUFFER_SCOPED = {0};
    struct buffer values BUFFER_SCOPED = {0};
    struct sql_parameters parameters = {.count = 0};
    PGresult *result;
    arrays(marks->moved, &shards, &values);
    if (shards.failed || values.failed) {
        (void)snprintf(session->why, sizeof session->why, "out of memory");
        return false;
    }
    sql_text(&parameters, marks->journal);
    sql_text(&parameters, buffer_text(&shards));
    sql_text(&parameters, buffer_text(&values));
    sql_int8(&parameters, every_us(session->postgres));
    sql_int8(&parameters, SWEEP_ROWS_MAX);
    CRASH_POINT("guard.sweep");
    if (!session_ask(session, SQL_SWEEP, &parameters, 0, &result))
        return false;
    CRASH_POINT("guard.swept");
    *ret_gone = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    *ret_owed = PQgetvalue(result, 0, 1)[0] == 't';
    PQclear(result);
    return true;
}

static void sweep_run(struct session *session, struct troth_reply *task)
{
    struct sweep *sweep = task->done_arg;
    struct marks *marks = sweep->now;
    bool good = session_open(session) == 0;
    long gone = SWEEP_ROWS_MAX;
    assert(sweep->running && marks->due);
    while (good && gone == SWEEP_ROWS_MAX)
        good = forget(session, marks, &gone, &marks->due);
    if (good)
        troth_reply_done(task, TROTH_BRANCH_UNSAID, (struct troth_span){NULL, 0});
    else
        troth_reply_retry(task, 0, session->why);
}

/* --- loop ------------------------------------------------------------------------------------- */

static void on_swept(void *arg, const struct result *result)
{
    struct sweep *sweep = arg;
    sweep->running = false;
    if (result->result != RESULT_DONE && !sweep->postgres->closing) {
        participant_say(sweep->postgres->participant, TROTH_SEVERITY_WARNING,
                        "event=sweep_failed journal=%s reason=\"%.*s\"", sweep->now->journal,
                        (int)result->reason.len, result->reason.data);
    }
}

/* Takes over the marks that requests have shown. true: there is something to do. */
static bool moved(struct marks *marks, const struct journal_seen *seen)
{
    uint32_t i;
    for (i = 0; i < TROTH_SHARDS_MAX; i++) {
        if (marks->moved[i] != seen->shards[i].oldest_open) {
            marks->moved[i] = seen->shards[i].oldest_open;
            marks->due = true;
        }
    }
    return marks->due;
}

static void sweep_begin(struct sweep *sweep, struct marks *marks)
{
    const struct command command = {.op = OP_STATUS, .operation = {"", 0}};
    struct troth_reply *task =
        task_create(sweep->postgres->participant->mailbox, &command, "", task_now_us());
    if (task == NULL)
        return;
    sweep->running = true;
    sweep->now = marks;
    task->done = on_swept;
    task->done_arg = sweep;
    task->run = sweep_run;
    pool_give(sweep->postgres->phase2, task);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct sweep *sweep = arg;
    const struct journals *journals = &sweep->postgres->participant->journals;
    uint32_t i;
    (void)fd;
    (void)what;
    if (sweep->running || journals->count == 0)
        return;
    i = sweep->next++ % journals->count;
    if (sweep->marks[i] == NULL)
        sweep->marks[i] = calloc(1, sizeof *sweep->marks[i]);
    if (sweep->marks[i] == NULL)
        return;
    if (strcmp(sweep->marks[i]->journal, journals->seen[i].id) != 0) { /* another one's place now */
        *sweep->marks[i] = (struct marks){.due = false};
        memcpy(sweep->marks[i]->journal, journals->seen[i].id, sizeof sweep->marks[i]->journal);
    }
    if (moved(sweep->marks[i], &journals->seen[i]))
        sweep_begin(sweep, sweep->marks[i]);
}

void sweep_attached(struct sweep *sweep, struct event_base *base)
{
    const uint64_t interval_us = sweep->postgres->sweep_interval_us;
    const struct timeval every = timeval_of(interval_us);
    if (sweep->timer != NULL)
        return;
    sweep->timer = event_new(base, -1, EV_PERSIST, on_timer, sweep);
    if (sweep->timer == NULL || event_add(sweep->timer, &every) != 0) {
        participant_say(sweep->postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=no_sweep reason=memory");
    }
}
