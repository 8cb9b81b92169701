/* guard.c: the guard's rows, and what to do about whoever holds one (protocol.md, section 3;
 * tests/model/guard.pml).
 *
 * Nobody waits for a row without limit: a lock timeout, a look at who holds it, again [NOLOOP]. A
 * lower attempt that is prepared is rolled back, one that runs is ended [NOKILL]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg.h"

#define SQLSTATE_NO_SUCH_OBJECT   "42704" /* no such prepared transaction */
#define SQLSTATE_NOT_IN_STATE     "55000" /* it is busy: being prepared, committed or rolled back */
#define SQLSTATE_DIVISION_BY_ZERO "22012" /* SQL_CLAIM_OR_FAIL: no row was written */
#define US_PER_MS                 1000u

/* --- parameters ------------------------------------------------------------------------------- */

/* $5 request, $6 shard, $7 ordering. */
static void add_place(struct sql_parameters *parameters, const struct troth_reply *task)
{
    struct troth_gtid_parts parts;

    troth_gtid_split(&task->call.gtid, &parts);
    sql_bytes(parameters, task_request(task));
    sql_int4(parameters, parts.shard);
    sql_int8(parameters, troth_gtid_order(&task->call.gtid));
}

static void format_ms(uint64_t us, char ret_text[24])
{
    const uint64_t ms = us / US_PER_MS + 1;

    (void)snprintf(ret_text, 24, "%llu", (unsigned long long)(ms > INT32_MAX ? INT32_MAX : ms));
}

/* Shorter than what is left of the whole, so that the answer arrives in time. */
uint64_t guard_lock_left_us(const struct session *session, const struct troth_reply *task)
{
    const bool told = task->call.lock_wait_us != 0;
    const uint64_t left = task_left_us(task);
    const uint64_t most = left == UINT64_MAX ? left : told ? left - left / 8 : left / 2;
    const uint64_t spent = task->began_us == 0 ? 0 : task_now_us() - task->began_us;
    uint64_t wait = told ? task->call.lock_wait_us : session->postgres->lock_timeout_us;

    wait = wait > spent ? wait - spent : 0;
    return wait > most ? most : wait;
}

void guard_timeouts_of(const struct session *session, const struct troth_reply *task,
                       struct guard_timeouts *ret_timeouts)
{
    const uint64_t left = task_left_us(task);
    const uint64_t guard = session->postgres->guard_timeout_us;

    (void)snprintf(ret_timeouts->statement, sizeof ret_timeouts->statement, "0");
    if (left != UINT64_MAX) {
        format_ms(left, ret_timeouts->statement);
    }
    format_ms(guard > left / 2 ? left / 2 : guard, ret_timeouts->guard);
    format_ms(guard_lock_left_us(session, task), ret_timeouts->lock);
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum guard_end end_of(enum sql_end end, const PGresult *result)
{
    switch (end) {
    case SQL_OK:
        return PQntuples(result) == 1 ? GUARD_CLAIMED : GUARD_TAKEN;
    case SQL_LOCKED:
        return GUARD_LOCKED;
    case SQL_FAILED:
        return GUARD_FAILED;
    case SQL_LOST:
        break;
    }
    return GUARD_LOST;
}

/* Where the row is that was claimed, for what is kept there at the end. */
static void keep_place(struct session *session, const PGresult *result)
{
    (void)snprintf(session->place, sizeof session->place, "%s", PQgetvalue(result, 0, 0));
}

/* Reads the answers to [BEGIN, the settings where they go by themselves,] and the row. */
static enum guard_end read_claim(struct session *session, int before)
{
    struct sql_error error;
    enum sql_end end = SQL_OK;
    enum guard_end claimed = GUARD_LOST;
    PGresult *result = NULL;

    while (end == SQL_OK && before-- > 0) {
        end = session_next(session, NULL, &error);
    }
    if (end == SQL_OK) {
        end = session_next(session, &result, &error);
    }
    claimed = end_of(end, result);
    if (claimed == GUARD_CLAIMED) {
        keep_place(session, result);
    }
    PQclear(result);
    if (end == SQL_OK && PQtransactionStatus(session->connection) == PQTRANS_UNKNOWN) {
        claimed = GUARD_LOST;
    }
    return session_pipeline_end(session) ? claimed : GUARD_LOST;
}

static enum guard_end not_sent(struct session *session)
{
    session_say(session);
    session_close(session);
    return GUARD_LOST;
}

static bool send_claim(struct session *session, const struct troth_reply *task,
                       enum sql_statement statement)
{
    char prepared[TROTH_PREPARED_NAME_LEN_MAX + 1];
    const char *const running = prepared + strlen("troth_");
    struct sql_parameters parameters;
    struct guard_timeouts timeouts;

    guard_timeouts_of(session, task, &timeouts);
    guard_prepared_name(&task->call, task->call.attempt, prepared);
    sql_key(&parameters, &task->call);
    add_place(&parameters, task);
    sql_text(&parameters, timeouts.statement);
    sql_text(&parameters, timeouts.guard);
    sql_text(&parameters, running);
    sql_text(&parameters, timeouts.lock);
    return session_pipeline_begin(session) && session_send(session, SQL_BEGIN, NULL) &&
           session_send(session, statement, &parameters);
}

enum guard_end guard_claim(struct session *session, const struct troth_reply *task)
{
    if (!send_claim(session, task, SQL_CLAIM) || !session_pipeline_send(session)) {
        return not_sent(session);
    }
    return read_claim(session, 1);
}

bool guard_claim_send(struct session *session, const struct troth_reply *task)
{
    return send_claim(session, task, SQL_CLAIM_OR_FAIL);
}

enum guard_end guard_claim_read(struct session *session)
{
    PGresult *result = NULL;
    struct sql_error error;
    enum sql_end end = session_next(session, NULL, &error);

    if (end == SQL_OK) {
        end = session_next(session, &result, &error);
    }
    if (end == SQL_OK) {
        keep_place(session, result);
    }
    PQclear(result);
    switch (end) {
    case SQL_OK:
        return GUARD_CLAIMED;
    case SQL_LOCKED:
        return GUARD_LOCKED;
    case SQL_FAILED:
        return strcmp(error.sqlstate, SQLSTATE_DIVISION_BY_ZERO) == 0 ? GUARD_TAKEN : GUARD_FAILED;
    case SQL_LOST:
        break;
    }
    return GUARD_LOST;
}

enum guard_end guard_claim_compensation(struct session *session, const struct troth_reply *task)
{
    struct sql_parameters parameters, settings = {.count = 0};
    struct guard_timeouts timeouts;

    guard_timeouts_of(session, task, &timeouts);
    sql_text(&settings, timeouts.statement);
    sql_text(&settings, timeouts.lock);
    sql_key(&parameters, &task->call);
    add_place(&parameters, task);
    if (!session_pipeline_begin(session) || !session_send(session, SQL_BEGIN, NULL) ||
        !session_send(session, SQL_SETTINGS, &settings) ||
        !session_send(session, SQL_CLAIM_COMPENSATION, &parameters) ||
        !session_pipeline_send(session)) {
        return not_sent(session);
    }
    session_limit(session, guard_lock_left_us(session, task));
    return read_claim(session, 2);
}

enum guard_end guard_fence(struct session *session, const struct troth_reply *task,
                           const char *state, const struct troth_output *answer)
{
    struct sql_parameters parameters;
    struct sql_error error;
    PGresult *result = NULL;
    enum guard_end fenced;
    enum sql_end end;

    sql_key(&parameters, &task->call);
    add_place(&parameters, task);
    if (answer == NULL) { /* an abort: whatever the request was, it is refused */
        parameters.values[4] = NULL;
    }
    sql_text(&parameters, state);
    if (answer != NULL && answer->json.len > 0) { /* binary text is the same bytes */
        sql_bytes(&parameters, buffer_span(&answer->json));
    } else {
        sql_text(&parameters, NULL);
    }
    if (answer != NULL && answer->reason.len > 0) {
        sql_bytes(&parameters, buffer_span(&answer->reason));
    } else {
        sql_text(&parameters, NULL);
    }
    end = session_run(session, SQL_FENCE, &parameters, &result, &error);
    fenced = end_of(end, result);
    PQclear(result);
    return fenced;
}

static enum guard_state state_parse(const char *text)
{
    return strcmp(text, "done") == 0      ? GUARD_DONE
           : strcmp(text, "refused") == 0 ? GUARD_REFUSED
                                          : GUARD_TOMBSTONE;
}

static void row_fill(struct guard_row *row, PGresult *result)
{
    memset(row, 0, sizeof *row);
    row->result = result;
    row->forgotten = PQgetvalue(result, 0, 5)[0] == 't';
    row->same_request = PQgetvalue(result, 0, 2)[0] == 't';
    if (PQgetisnull(result, 0, 0)) {
        return;
    }
    row->state = state_parse(PQgetvalue(result, 0, 0));
    row->attempt = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
    if (!PQgetisnull(result, 0, 3)) {
        row->output.data = PQgetvalue(result, 0, 3);
        row->output.len = (size_t)PQgetlength(result, 0, 3);
    }
    if (!PQgetisnull(result, 0, 4)) {
        row->reason = PQgetvalue(result, 0, 4);
    }
}

enum guard_end guard_look(struct session *session, const struct troth_reply *task, const char *kind,
                          struct guard_row *ret_row)
{
    struct sql_parameters parameters;
    struct sql_error error;
    PGresult *result = NULL;
    enum sql_end end;

    sql_key(&parameters, &task->call);
    add_place(&parameters, task);
    sql_text(&parameters, kind);
    end = session_run(session, SQL_LOOK, &parameters, &result, &error);
    if (end != SQL_OK || PQntuples(result) != 1) {
        enum guard_end ended = end == SQL_OK ? GUARD_FAILED : end_of(end, result);

        PQclear(result);
        return ended;
    }
    row_fill(ret_row, result);
    return GUARD_CLAIMED;
}

void guard_row_finish(struct guard_row *row)
{
    PQclear(row->result); /* takes NULL */
    row->result = NULL;
}

/* --- holders ---------------------------------------------------------------------------------- */

void guard_prepared_name(const struct troth_call *call, uint32_t attempt,
                         char ret_name[TROTH_PREPARED_NAME_LEN_MAX + 1])
{
    struct troth_prepared_name name = {
        .gtid = call->gtid, .branch = call->branch, .attempt = attempt};

    memcpy(name.journal, call->journal, sizeof name.journal);
    troth_prepared_name_format(&name, ret_name);
}

/* Names of this branch that are prepared, of any attempt. NULL: session->why. */
static PGresult *prepared_names(struct session *session, const struct troth_call *call)
{
    char prefix[TROTH_PREPARED_NAME_LEN_MAX + 1];
    struct sql_parameters parameters = {.count = 0};
    struct sql_error error;
    PGresult *result = NULL;

    guard_prepared_name(call, TROTH_ATTEMPT_MAX, prefix);
    strrchr(prefix, '_')[1] = '\0';
    sql_text(&parameters, prefix);
    if (session_run(session, SQL_PREPARED, &parameters, &result, &error) != SQL_OK) {
        PQclear(result);
        return NULL;
    }
    return result;
}

/* true: it is gone, or somebody is about to end it: look again. */
static bool roll_back_one(struct session *session, const char *name)
{
    char text[TROTH_PREPARED_NAME_LEN_MAX + 32];
    struct sql_error error;
    enum sql_end end;

    /* The name is ours, [0-9a-z_-] only: there is no other way to give it. */
    (void)snprintf(text, sizeof text, "ROLLBACK PREPARED '%s'", name);
    end = session_command(session, text, "ROLLBACK PREPARED", &error);
    return end == SQL_OK ||
           (end == SQL_FAILED && (strcmp(error.sqlstate, SQLSTATE_NO_SUCH_OBJECT) == 0 ||
                                  strcmp(error.sqlstate, SQLSTATE_NOT_IN_STATE) == 0));
}

static enum guard_holder settle_prepared(struct session *session, const struct troth_call *call,
                                         uint32_t through, const PGresult *names)
{
    struct troth_prepared_name name;
    enum guard_holder holder = HOLDER_RUNNING;
    int i;

    for (i = 0; i < PQntuples(names); i++) {
        const char *text = PQgetvalue(names, i, 0);

        if (troth_prepared_name_parse(text, strlen(text), &name) != 0) {
            continue;
        }
        if (name.attempt <= through) {
            if (!roll_back_one(session, text)) {
                return HOLDER_FAILED;
            }
            holder = HOLDER_GONE;
        } else if (holder == HOLDER_RUNNING) {
            holder = name.attempt == call->attempt ? HOLDER_PREPARED : HOLDER_HIGHER;
        }
    }
    return holder;
}

/* The session of exactly this branch, by its whole name; nobody else's is touched. */
static enum guard_holder end_running(struct session *session, const struct troth_call *call,
                                     uint32_t through)
{
    struct sql_parameters parameters;
    struct troth_call ended = *call;
    struct sql_error error;
    PGresult *result = NULL;
    enum guard_holder holder = HOLDER_RUNNING;

    if (through == 0) {
        return HOLDER_RUNNING;
    }
    ended.attempt = through;
    sql_key(&parameters, &ended);
    if (session_run(session, SQL_END_RUNNING, &parameters, &result, &error) != SQL_OK) {
        holder = HOLDER_FAILED;
    } else if (PQgetvalue(result, 0, 0)[0] == 't') {
        holder = HOLDER_GONE;
    }
    PQclear(result);
    return holder;
}

enum guard_holder guard_settle(struct session *session, const struct troth_call *call,
                               uint32_t through)
{
    PGresult *names = prepared_names(session, call);
    enum guard_holder holder;

    if (names == NULL) {
        return HOLDER_FAILED;
    }
    holder = settle_prepared(session, call, through, names);
    PQclear(names);
    return holder == HOLDER_RUNNING ? end_running(session, call, through) : holder;
}

bool guard_roll_back(struct session *session, const struct troth_call *call, uint32_t through,
                     enum guard_holder *ret_holder)
{
    PGresult *names = prepared_names(session, call);
    enum guard_holder holder;

    if (names == NULL) {
        return false;
    }
    holder = settle_prepared(session, call, through, names);
    PQclear(names);
    if (holder == HOLDER_FAILED) {
        return false;
    }
    *ret_holder = holder;
    return true;
}
