/* scan.c: branches left prepared are asked about and settled [NOINQ] (protocol.md, section 2).
 *
 *   a phase-2 thread reads pg_prepared_xacts -> the loop asks the coordinator about each name
 *   -> commit or abort go through phase 2 like the coordinator's own
 *
 * Asking is always safe. `undecided` is asked again by the next scan; `unknown` stays in doubt and
 * is told to the operator. Names that are not ours, of another database, user or journal are left
 * alone. One scan at a time. */
#include "scan.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/client.h>

#include <base/crash.h>
#include <base/now.h>

#include "connection.h"
#include "inside.h"
#include "phase2.h"
#include "pool.h"
#include "resource.h"
#include "say.h"
#include "session.h"
#include "sql.h"
#include "task.h"
#include "tls_files.h"

/* Prepared branches looked at in one scan, oldest first; the next scan sees the others. */
#define SCAN_NAMES_MAX  10000
#define ASKED_AT_A_TIME 8u
#define ASK_TIMEOUT_US  UINT64_C(5000000)

struct scan {
    struct troth_postgres *postgres;
    struct event *timer;
    struct troth_client *client; /* NULL: no coordinator is known, or not attached yet */
    struct pg_operation operation;
    bool running;
    bool again; /* when this one is done, another, of all ages */
    uint64_t older_than_us;
    /* Written by a phase-2 thread while it reads, then the loop's. */
    struct troth_prepared_name *names;
    uint32_t count;
    uint32_t next;
    uint32_t under_way;
};

struct ask {
    struct scan *scan;
    struct troth_prepared_name name;
};

static void begin(struct scan *scan, uint64_t older_than_us);
static void go_on(struct scan *scan);

int scan_create(struct troth_postgres *postgres, struct scan **ret_scan)
{
    struct scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return TROTH_ERROR_NO_MEMORY;
    scan->postgres = postgres;
    scan->operation.postgres = postgres;
    *ret_scan = scan;
    return 0;
}

void scan_leave(struct scan *scan)
{
    troth_client_destroy(scan->client);
    scan->client = NULL;
    if (scan->timer != NULL) {
        event_free(scan->timer);
        scan->timer = NULL;
    }
}

void scan_destroy(struct scan *scan)
{
    if (scan == NULL)
        return;
    scan_leave(scan);
    free(scan->names);
    free(scan);
}

/* --- settling --------------------------------------------------------------------------------- */

static void finish_one(struct ask *ask)
{
    struct scan *scan = ask->scan;
    free(ask);
    assert(scan->running && scan->under_way > 0);
    scan->under_way--;
    go_on(scan);
}

static void on_settled(void *arg, const struct result *result)
{
    struct ask *ask = arg;
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    troth_prepared_name_format(&ask->name, name);
    participant_say(ask->scan->postgres->participant,
                    result->result == RESULT_DONE ? TROTH_SEVERITY_INFO : TROTH_SEVERITY_WARNING,
                    "event=orphan name=%s op=%s result=%s", name, message_op_name(result->op),
                    message_result_name(result->result));
    finish_one(ask);
}

static void settle(struct ask *ask, enum message_op op)
{
    struct scan *scan = ask->scan;
    const struct command command = {
        .op = op,
        .gtid = ask->name.gtid,
        .branch = ask->name.branch,
        .attempt = ask->name.attempt,
        .operation = {"", 0},
    };
    struct troth_reply *task = task_create(scan->postgres->participant->mailbox, &command,
                                           ask->name.journal, task_now_us());
    if (task == NULL) {
        finish_one(ask);
        return;
    }
    task->done = on_settled;
    task->done_arg = ask;
    task->operation = &scan->operation;
    task->run = op == OP_COMMIT ? commit_run : abort_run;
    pool_give(scan->postgres->phase2, task);
}

static void on_answer(void *arg, const struct troth_answer *answer)
{
    struct ask *ask = arg;
    struct scan *scan = ask->scan;
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    CRASH_POINT("scan.told");
    if (scan->postgres->closing) {
        free(ask);
        return;
    }
    if (answer->error != 0) {
        scan->next = scan->count; /* it cannot be reached: the others wait for the next scan */
        finish_one(ask);
        return;
    }
    switch (answer->decision) {
    case TROTH_DECISION_COMMITTED:
        settle(ask, OP_COMMIT);
        return;
    case TROTH_DECISION_ABORTED:
        settle(ask, OP_ABORT);
        return;
    case TROTH_DECISION_UNKNOWN:
        troth_prepared_name_format(&ask->name, name);
        participant_say(scan->postgres->participant, TROTH_SEVERITY_WARNING,
                        "event=in_doubt name=%s reason=\"the coordinator does not know it\"", name);
        break;
    case TROTH_DECISION_UNDECIDED:
        break;
    }
    finish_one(ask);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Once requests have come, only their journals are ours; before that, and where more have come than
 * are remembered, the coordinator itself answers `unknown` for the journals of others. */
static bool ours(const struct scan *scan, const struct troth_prepared_name *name)
{
    const struct journals *journals = &scan->postgres->participant->journals;
    uint32_t i;
    for (i = 0; i < journals->count; i++)
        if (strcmp(journals->seen[i].id, name->journal) == 0)
            return true;
    return journals->count == 0 || journals->has_dropped;
}

static bool ask_one(struct scan *scan, const struct troth_prepared_name *name)
{
    struct ask *ask = malloc(sizeof *ask);
    if (ask == NULL)
        return false;
    ask->scan = scan;
    ask->name = *name;
    if (troth_client_inquire(scan->client, name->journal, &name->gtid, name->branch, name->attempt,
                             on_answer, ask) != 0) {
        free(ask);
        return false;
    }
    CRASH_POINT("scan.asked");
    scan->under_way++;
    return true;
}

static void go_on(struct scan *scan)
{
    while (!scan->postgres->closing && scan->next < scan->count &&
           scan->under_way < ASKED_AT_A_TIME) {
        const struct troth_prepared_name *name = &scan->names[scan->next++];

        if (ours(scan, name) && !ask_one(scan, name))
            scan->next = scan->count;
    }
    if (scan->under_way > 0 || scan->next < scan->count)
        return;
    scan->running = false;
    if (scan->again && !scan->postgres->closing) { /* else there are no threads any more */
        scan->again = false;
        begin(scan, 0);
    }
}

static void on_names(void *arg, const struct result *result)
{
    struct scan *scan = arg;
    if (scan->postgres->closing)
        return;
    if (result->result != RESULT_DONE)
        scan->count = 0;
    scan->next = 0;
    go_on(scan);
}

/* --- reading, on a phase-2 thread ------------------------------------------------------------- */

static bool keep_names(struct scan *scan, const PGresult *result)
{
    const int rows = PQntuples(result);
    int i;
    free(scan->names);
    scan->count = 0;
    scan->names = calloc((size_t)rows + 1, sizeof *scan->names);
    for (i = 0; scan->names != NULL && i < rows; i++) {
        const char *text = PQgetvalue(result, i, 0);

        if (troth_prepared_name_parse(text, strlen(text), &scan->names[scan->count]) == 0)
            scan->count++;
    }
    return scan->names != NULL;
}

static void scan_run(struct session *session, struct troth_reply *task)
{
    struct scan *scan = task->done_arg;
    struct sql_parameters parameters = {.count = 0};
    struct sql_error error;
    PGresult *result = NULL;
    bool kept = false;
    sql_int8(&parameters, scan->older_than_us);
    sql_int4(&parameters, SCAN_NAMES_MAX);
    if (session_open(session) == 0 &&
        session_run(session, SQL_SCAN, &parameters, &result, &error) == SQL_OK)
        kept = keep_names(scan, result);
    PQclear(result);
    if (kept)
        troth_reply_done(task, TROTH_BRANCH_UNSAID, (struct troth_span){NULL, 0});
    else
        troth_reply_retry(task, 0, session->why);
}

/* --- when ------------------------------------------------------------------------------------- */

static void begin(struct scan *scan, uint64_t older_than_us)
{
    const struct command command = {.op = OP_STATUS, .operation = {"", 0}};
    struct troth_reply *task;
    if (scan->running) {
        scan->again = scan->again || older_than_us == 0;
        return;
    }
    task = task_create(scan->postgres->participant->mailbox, &command, "", task_now_us());
    if (task == NULL)
        return; /* the timer comes again */
    scan->running = true;
    scan->older_than_us = older_than_us;
    task->done = on_names;
    task->done_arg = scan;
    task->run = scan_run;
    pool_give(scan->postgres->phase2, task);
}

void scan_now(struct scan *scan)
{
    if (scan->client != NULL && !scan->postgres->closing)
        begin(scan, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct scan *scan = arg;
    (void)fd;
    (void)what;
    begin(scan, scan->postgres->scan_interval_us);
}

void scan_attached(struct scan *scan, struct event_base *base)
{
    const struct troth_postgres *postgres = scan->postgres;
    const struct timeval every = timeval_of(postgres->scan_interval_us);
    const struct troth_client_config config = {
        TROTH_CLIENT_CONFIG_INIT,
        .url = postgres->coordinator,
        .connections_max = ASKED_AT_A_TIME,
        .timeout_us = ASK_TIMEOUT_US,
        .resolver = postgres->resolver,
        .tls = postgres->coordinator_tls != NULL ? &postgres->coordinator_tls->tls : NULL,
        .api_key_file = postgres->api_key_file,
        .diagnostic = postgres->participant->diagnostic,
        .diagnostic_arg = postgres->participant->diagnostic_arg};
    int error;
    if (postgres->coordinator == NULL || scan->client != NULL)
        return;
    error = troth_client_create(base, &config, &scan->client);
    if (error == 0) {
        scan->timer = event_new(base, -1, EV_PERSIST, on_timer, scan);
        if (scan->timer == NULL || event_add(scan->timer, &every) != 0)
            error = TROTH_ERROR_NO_MEMORY;
    }
    if (error != 0) {
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=no_scan coordinator=%s error=%s", postgres->coordinator,
                        troth_error_name(error));
    }
    scan_now(scan);
}
